"""The scenarios judge rightly: what leaks, slows down or idles is called so."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import pinned, soak
from benchmarks.bodies import spent
from benchmarks.flow import Flow

FOLDER = Path(pinned.__file__).parent
MODULES = [
    f"benchmarks.{file.stem}"
    for file in sorted(FOLDER.glob("*.py"))
    if ">>>" in file.read_text(encoding="utf-8") and file.stem != "plots"
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_say_what_happens(module):
    said = []
    for test in doctest.DocTestFinder(exclude_empty=True).find(import_module(module)):
        doctest.DocTestRunner().run(test, out=said.append)
    assert not said, "".join(said)


def soak_judged(samples):
    return soak.judged({"samples": samples})


def samples(**slopes):
    start = dict.fromkeys(soak.FLAT, 100.0) | {"dead_rows": 10.0}
    return [
        {"seconds": 10.0 * n} | {k: v + slopes.get(k, 0.0) * n for k, v in start.items()}
        for n in range(100)
    ]


def test_a_soak_without_growth_holds():
    assert all(verdict.holds for verdict in soak_judged(samples()))


@pytest.mark.parametrize("leaking", soak.FLAT)
def test_a_soak_sees_what_grows(leaking):
    broken = [v.what for v in soak_judged(samples(**{leaking: 5.0})) if not v.holds]
    assert [what.partition(":")[0] for what in broken] == [leaking]


def test_a_soak_sees_dead_rows_that_stay():
    broken = [v.what for v in soak_judged(samples(dead_rows=1e5)) if not v.holds]
    assert [what.partition(" ")[0] for what in broken] == ["dead"]


def test_a_slot_that_idles_is_not_busy():
    full = spent([(n, n + 1.0, 1.0, 1) for n in range(10)], 1)
    assert full["busy"] == pytest.approx(1.0)
    assert full["pause"]["max"] == 0.0
    idle = spent([(2.0 * n, 2.0 * n + 1.0, 1.0, 1) for n in range(10)], 1)
    assert idle["busy"] == pytest.approx(0.5)
    assert idle["pause"]["p50"] == pytest.approx(1.0)


def test_a_worker_that_idles_beside_a_busy_one_is_seen():
    busy = [(n * 1.0, n + 1.0, 1.0, 1) for n in range(10)]
    found = spent(sorted([*busy, (0.0, 1.0, 1.0, 2)]), 2)
    assert found["busy_each"] == pytest.approx([1.0, 1 / 9])


def test_rates_of_a_steady_flow_are_steady():
    flow = Flow(0.0, [(n / 4, 25 * n) for n in range(41)])
    assert flow.rates(1.0) == pytest.approx([100.0] * 10)
