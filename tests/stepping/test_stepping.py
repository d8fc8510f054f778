"""P1, P2, P3, P7: whatever happens between any two statements, the promises hold.

Clients, workers and their children take turns statement by statement on connections of their own,
as a seed decides; between two statements a session may be terminated, a process die or freeze, the
clock move, an answer be lost. Every change of every job is noted by triggers and held to the rules
(`rules`, `ledger`). `-k promises -s --seed N` replays a run and shows its steps; `--steps N` makes
more.
"""

from __future__ import annotations

import random
import sys

import pytest
from mutants import HABITS, MUTANTS

#: As long as more steps are asked for; a single statement that hangs is noticed by its session.
pytestmark = pytest.mark.timeout(0)
#: The steps of one run that have faults; some hundred more bring everything to its end.
RUN = 400


def test_the_promises_hold_whatever_happens_between_two_statements(stage, pytestconfig):
    wanted, seed = pytestconfig.getoption("--steps"), pytestconfig.getoption("--seed")
    if seed is not None:
        sys.stdout.write("\n".join(stage.run(seed, RUN).trace))
        return
    taken = 0
    while taken < wanted:
        taken += stage.run(random.getrandbits(32), RUN).steps


def test_a_run_can_be_replayed(stage):
    first, second = (stage.run(1, 200).trace for _ in range(2))
    assert first == second


def until_caught(stage, wanted, favour=""):
    """What was said, and after how many steps; fails if nothing was within so many."""
    taken = 0
    for seed in range(1, wanted):
        said, steps = stage.caught(seed, RUN, favour)
        taken += steps
        if said:
            sys.stdout.write(f"after {taken} steps: {said}\n")
            return
        if taken > wanted:
            break
    pytest.fail(f"not noticed in {taken} steps")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_statement_without_its_safeguard_is_noticed(stage, pytestconfig, mutant):
    stage.mutate(mutant)
    until_caught(stage, pytestconfig.getoption("--steps"), mutant.favour)


@pytest.mark.parametrize("name", HABITS)
def test_a_habit_without_its_safeguard_is_noticed(stage, pytestconfig, monkeypatch, name):
    monkeypatch.setattr(*HABITS[name])
    favour = "cut stop" if "farewell" in name else "cut"
    until_caught(stage, pytestconfig.getoption("--steps"), favour)
