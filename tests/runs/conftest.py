"""One real worker runs the tasks of `support.speaking`."""

from __future__ import annotations

import pytest


@pytest.fixture
def worker_app():
    return "support.speaking"


@pytest.fixture
def worker(start_worker):
    """A worker named "here", with one process of four slots, ready; for two queues."""
    options = ("--processes", "1", "-c", "4", "-n", "here", "-Q", "default,other")
    return start_worker(*options).ready()
