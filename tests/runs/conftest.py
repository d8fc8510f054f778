"""One real worker, which is one for a whole module, runs the tasks of `support.speaking`."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def database(module_database):
    return module_database


@pytest.fixture(scope="module")
def worker(start_module_worker):
    """A worker named "here", with one process of four slots, ready; for two queues."""
    options = ("--processes", "1", "-c", "4", "-n", "here", "-Q", "default,other")
    return start_module_worker(*options, app="support.speaking")
