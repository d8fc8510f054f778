"""One database for all runs, whose every change is noted; statements that can be mutated."""

from __future__ import annotations

import audit
import psycopg
import pytest
from rules import Broken
from scheduler import Scheduler

import pgqueue.transports.psycopg
from pgqueue.statements import FOLDER, script, statement
from support.clock import Clock

TOLD = 60


class Stage:
    """Where runs take place, one after the other."""

    def __init__(self, dsn, connection, folder):
        self.dsn, self.connection, self._folder = dsn, connection, folder
        self._clock = Clock(connection)
        self._start = self._clock.now()
        audit.install(connection)

    def run(self, seed, steps):
        """Make a run; raises `Broken`, whose text says how to see it again."""
        self.empty()
        world = Scheduler(self.dsn, self.connection, self._clock, seed)
        try:
            world.run(steps)
        except Exception as error:
            story = self._folder / f"run-{seed}.txt"
            story.write_text("\n".join(world.trace))
            again = f"pytest tests/stepping -k promises -s --seed {seed}"
            error.add_note(f"again: {again}; all of it: {story}")
            told = [line for line in world.trace if " the clock is " not in line][-TOLD:]
            error.add_note("\n".join(told))
            raise
        return world

    def caught(self, seed, steps, favour):
        """Make a run that should break; return what was said, and how many steps it took."""
        self.empty()
        world = Scheduler(self.dsn, self.connection, self._clock, seed, favour)
        try:
            world.run(steps)
        except Broken as broken:
            return str(broken), world.steps
        return None, world.steps

    def empty(self):
        """Forget the last run."""
        audit.empty(self.connection)
        self._clock.set(self._start)

    def replace(self, text):
        self.connection.execute(text)


@pytest.fixture(scope="module")
def stages(databases, tmp_path_factory):
    with (
        databases.migrated() as dsn,
        psycopg.connect(dsn, autocommit=True) as connection,
    ):
        yield Stage(dsn, connection, tmp_path_factory.mktemp("runs"))


@pytest.fixture
def stage(stages, monkeypatch):
    """`run(seed, steps)` makes a run, `mutate(mutant)` spoils a statement for this test."""
    mutated = {}
    functions = []

    def noted(name, schema):
        text = statement(name, schema)
        if name in mutated:
            text = mutated[name].mutate(text)
        # No lock times out by the real clock, which is not the run's.
        return f"/*{name}*/ " + text.replace("'200ms'", "'0'")

    def mutate(mutant):
        if mutant.statement:
            mutated[mutant.statement] = mutant
        else:
            path = FOLDER / mutant.file
            stages.replace(mutant.mutate(script(path, "pgqueue")))
            functions.append(path)

    monkeypatch.setattr(pgqueue.transports.psycopg, "statement", noted)
    stages.mutate = mutate
    yield stages
    for path in functions:
        stages.replace(script(path, "pgqueue"))
