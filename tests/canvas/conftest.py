"""Canvas, without a database and through a real worker (see support/fixtures.py)."""

from __future__ import annotations

import pytest

from support import canvas


@pytest.fixture
def at_home(database):
    """The application of `support.canvas` on the test's database."""
    app = canvas.app
    app._given_dsn = database
    yield app
    app.close()
    app._given_dsn = None


@pytest.fixture
def worker_app():
    return "support.canvas"


@pytest.fixture(scope="module")
def steady_worker(module_database, start_module_worker):
    """A worker on the module's database, with one process of four slots, ready."""
    app = canvas.app
    app._given_dsn = module_database
    yield start_module_worker("--processes", "1", "-c", "4", app="support.canvas")
    app.close()
    app._given_dsn = None
