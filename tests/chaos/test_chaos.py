"""P1, P2 and P4 under faults: no acknowledged job is lost, doubled or stuck, and work goes on."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import pytest

from chaos import harness
from support.servers import find

#: The bounds are promised for a machine that does nothing else.
NOISE = 3.0
#: What a worker's new process does before it runs jobs.
START = "import pgqueue.worker.child"


def stretch():
    """How many times longer than the processor works on it does a process take to start, now?"""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, "-c", START], check=True)
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    work = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return max(1.0, took / work)


@pytest.fixture
def binaries(pytestconfig):
    """One of the servers: the rest of the suite has every one of them."""
    found = find()
    return found.get(pytestconfig.getoption("--server")) or next(iter(found.values()))


@pytest.mark.timeout(1800)
def test_nothing_is_lost_or_doubled_and_work_goes_on(fault, binaries, tmp_path, long, told):
    if why := fault.needs():
        pytest.skip(why)
    busy = stretch()
    report = harness.run(fault, binaries, tmp_path, long=long)
    busy = max(busy, stretch())
    told(fault, binaries, report.rows)
    assert not report.complaints, "\n".join(report.complaints)
    for row in report.rows:
        assert row.measured <= busy * NOISE * row.bound, row
