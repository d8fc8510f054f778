"""Notes below a table say what a reader must know, and nothing else."""

from __future__ import annotations

import pytest

from pgqueue.bench import report
from pgqueue.bench.bulk import Bulk, BulkRun
from pgqueue.bench.meters import Noise


def notes(noise):
    found = Bulk(100, 50.0, 9.0, None, 300.0, noise, [BulkRun(100, 2.0, 50.0)])
    return report.bulk_table(found).notes[1:]


def test_a_quiet_run_has_no_excuses():
    assert notes(Noise(checkpoints=0, elsewhere=3, others=0.05)) == []
    assert notes(Noise(checkpoints=0, elsewhere=0, others=None)) == []


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        (Noise(2, 0, 0.0), "a checkpoint began meanwhile (2 times): WAL holds whole pages, too"),
        (Noise(0, 0, 0.37), "other processes used 37 % of the processors meanwhile"),
        (Noise(0, 5000, 0.0), "the server's other databases committed 5,000 times meanwhile"),
    ],
)
def test_noise_is_said(noise, said):
    (note,) = notes(noise)
    assert note.startswith(said)


def test_what_was_not_measured_is_a_dash():
    found = Bulk(100, 50.0, 9.0, None, 300.0, Noise(0, 0, None), [BulkRun(100, 2.0, 50.0)])
    rows = {name: value for name, value, _ in report.bulk_table(found).rows}
    assert rows["processor, server"] == "-"
    assert rows["processor, client"] == "9.0"
