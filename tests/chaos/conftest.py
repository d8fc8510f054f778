"""`pytest tests/chaos --long` takes half an hour, and says what it measured in a table."""

from __future__ import annotations

import platform

import pytest

from chaos import report
from chaos.faults import FAULTS

ROWS = pytest.StashKey[list]()


def pytest_configure(config):
    config.stash[ROWS] = []


def pytest_generate_tests(metafunc):
    if "fault" in metafunc.fixturenames:
        long = metafunc.config.getoption("--long")
        faults = [fault for fault in FAULTS if long or fault.short is not None]
        metafunc.parametrize("fault", faults, ids=lambda fault: report.slug(fault.name))


@pytest.fixture
def long(pytestconfig):
    return pytestconfig.getoption("--long")


@pytest.fixture
def told(pytestconfig, long):
    """Takes the rows of a fault, for the table and to be kept."""

    def tell(fault, binaries, rows):
        pytestconfig.stash[ROWS] += rows
        if pytestconfig.getoption("--keep"):
            about = {
                "form": "long" if long else "short",
                "postgresql": binaries.version,
                "python": platform.python_version(),
            }
            report.keep(fault.name, rows, about)

    return tell


def pytest_terminal_summary(terminalreporter, config):
    if rows := config.stash[ROWS]:
        terminalreporter.section("faults")
        order = {fault.name: place for place, fault in enumerate(FAULTS)}
        terminalreporter.write(report.table(sorted(rows, key=lambda row: order[row.fault])))
