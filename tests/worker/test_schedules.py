"""Workers keep schedules: each time has one job, whatever happens to whom."""

from __future__ import annotations

import pytest

from pgqueue import operations

SCHEDULED = {"app": "support.scheduled"}


@pytest.fixture
def fires(jobs):
    """The fires of the schedule of every second, oldest first."""

    def fires():
        return jobs.run(operations.fires("every second", 1000))[::-1]

    return fires


def test_a_worker_keeps_what_its_application_declares(start_worker, fires, jobs, until):
    worker = start_worker("--processes", "1", "-c", "4", **SCHEDULED)
    until(lambda: len(fires()) >= 3)
    worker.logged("beat_init was sent")
    rows = {row.name: row for row in jobs.run(operations.schedules())}
    assert rows.keys() == {"every second", "nightly", "hourly", "yearly"}
    assert rows["nightly"].priority == 3
    assert rows["yearly"].timezone == "Europe/Berlin"
    first, second, third, *_ = fires()
    assert (second.fire_time - first.fire_time).total_seconds() == 1
    assert (third.fire_time - second.fire_time).total_seconds() == 1
    until(lambda: jobs.get(first.job_id).state == "succeeded")
