"""A worker gives room back that an old snapshot has cost, and keeps nobody from working."""

from __future__ import annotations

from support.grown import MEGABYTE, grow, size

SOON = {"compaction LARGE": MEGABYTE, "compaction CALM": 0.0, "compaction INTERVAL": 0.1}
ENQUEUE = "select pgqueue.enqueue('add', '{\"args\": [1, 2]}')"
WAIT = 30


def test_it_comes_after_a_long_transaction_and_complains_of_nothing(
    start_worker, app, connection, connect
):
    grow(connection)
    long = connect()
    long.execute(f"begin; {ENQUEUE}")
    worker = start_worker("--processes", "1", "-l", "debug", patches=SOON).ready()
    worker.logged("duty compact comes later: canceling statement due to lock timeout", times=2)
    assert app.send_task("add", (1, 2)).get(WAIT) == 3
    long.execute("commit")
    worker.logged("the table of live jobs gave its room back: [0-9]+ MB")
    assert app.send_task("add", (1, 2)).get(WAIT) == 3
    assert size(connection) < MEGABYTE
    assert worker.stop() == 0
    assert not [line for line in worker.lines if "WARN" in line or "ERROR" in line]
