"""When the files of the live jobs' table are worth being made small."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgqueue import operations
from pgqueue.rows import LiveTable
from pgqueue.worker.compaction import CALM, FEW_DEAD, FEW_JOBS, LARGE, is_worth_it
from pgqueue.worker.planning import Planner

GROWN = LiveTable(
    autovacuum=True,
    live=FEW_JOBS,
    dead=FEW_DEAD,
    vacuumed=CALM,
    size=LARGE,
    rows_size=LARGE,
    unlogged=[],
    owned=True,
)


def test_large_files_of_a_calm_table_are():
    assert is_worth_it(GROWN)


@pytest.mark.parametrize(
    "change",
    [
        {"size": LARGE - 1},
        {"live": FEW_JOBS + 1},
        {"dead": FEW_DEAD + 1},
        {"vacuumed": CALM - 0.1},
        {"vacuumed": None},
        {"owned": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_it_is_left_while_anything_speaks_against_it(change):
    assert not is_worth_it(replace(GROWN, **change))


@pytest.mark.parametrize("pooled", [False, True])
def test_it_has_a_second_and_what_comes_after_it_has_its_own_time_again(pooled):
    planner = Planner(pooled=pooled)
    (brief, _), (usual, _) = (
        planner.prepare([query]) for query in (operations.compact(), operations.ping())
    )
    assert "1s" in brief.params["settings"]
    assert "15s" in usual.params["settings"]
