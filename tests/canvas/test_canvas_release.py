"""What is released is claimed at once: a chain is no slower than its tasks."""

from __future__ import annotations

from pgqueue import chain, operations
from pgqueue.rows import Finished, Lane
from support.canvas import say


def test_a_claim_that_passes_over_marked_rows_takes_what_was_just_released(at_home):
    """Whoever follows edges locks who waits, and leaves a mark of its own."""
    about = {
        "name": "w", "hostname": "h", "pid": 1, "version": "0", "queues": ["default"],
        "tasks": ["say"], "processes": 1, "concurrency": 1,
    }  # fmt: skip
    worker = at_home.run(operations.register(about, 60.0))
    chain(say.s(0), say.s(1), say.s(2)).delay()
    for number in range(3):
        claim = operations.claim(worker, [Lane("default", 0)], ["say"], 1, untouched=True)
        [job] = at_home.run(claim)
        assert job.args.endswith(f"{number}]")
        at_home.run(operations.finish([Finished(job.id, job.claim, "succeeded", "null")]))
