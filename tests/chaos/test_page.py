"""docs/reliability.md says what was measured, and what the code does."""

from __future__ import annotations

import dataclasses
import re

from chaos import report
from chaos.faults import FAULTS
from pgqueue import database
from pgqueue.worker import claims, control, planning, wakeup, watching

PAGE = report.PAGE.read_text(encoding="utf-8")


def kept():
    return [row for fault in FAULTS for row in report.kept(fault.name)]


def test_the_table_is_what_the_data_say():
    """If this fails: `python -m tests.chaos`."""
    assert report.renewed(PAGE, kept()) == PAGE


def test_every_fault_is_told_of_with_its_promises():
    told = {(row.fault, row.promise, row.bound) for row in kept()}
    wanted = {(fault.name, m.promise, m.bound) for fault in FAULTS for m in fault.measures}
    assert told == wanted


def test_what_is_told_keeps_its_promises():
    for row in kept():
        assert row.measured <= row.bound, row
        assert (row.lost, row.stuck, row.doubled) == (0, 0, 0), row
    quiet = {fault.name for fault in FAULTS if not fault.reruns}
    assert not [row for row in kept() if row.fault in quiet and row.again]


def test_a_changed_figure_is_noticed():
    """Were this not so, the first test could not fail."""
    changed = [dataclasses.replace(row, jobs=row.jobs + 1) for row in kept()]
    assert report.renewed(PAGE, changed) != PAGE


def test_what_is_kept_is_the_long_form():
    for path in report.FOLDER.glob("*.json"):
        assert '"form": "long"' in path.read_text(encoding="utf-8"), path.name


def test_the_bounds():
    string = database.connection_string("")
    found = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", string)}
    probes = found["keepalives_interval"] * found["keepalives_count"]
    for bound in (
        f"| TCP keepalives | {found['keepalives_idle'] + probes} s |",
        f"| `tcp_user_timeout` | {found['tcp_user_timeout'] // 1000} s |",
        f"less than a lease after it began | {control.PATIENCE:g} s |",
        f"every {wakeup.CHECK:g} s, and has {wakeup.ANSWER:g} s to give it",
        f"| {wakeup.CHECK + wakeup.ANSWER:g} s |",
        f"is tried | {control.CONNECTING} s |",
        f"fewer than {wakeup.SPARE} connections",
        f"looks again {wakeup.SCARCE:g} s later",
        f"look for jobs every {claims.POLL_LAST:g} s",
        f"longer than {planning.COMMON['statement_timeout'].removesuffix('s')} s",
        f"every worker has {watching.RETURN:g} s to come back",
    ):
        assert bound in PAGE, bound
    assert control.QUIET == 10, "once in ten seconds"
