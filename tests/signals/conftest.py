"""Runs as a child makes them, without a worker or a database."""

from __future__ import annotations

import asyncio
import json
from typing import NamedTuple

import pytest

from pgqueue import PgQueue, signals
from pgqueue.codec import encode
from pgqueue.rows import ClaimedJob
from pgqueue.worker import frames
from pgqueue.worker.execution import Run

ID = "0198c7a2-0000-7000-8000-000000000001"
ALL = {each.name: each for each in vars(signals).values() if isinstance(each, signals.Signal)}


@pytest.fixture
def tasks():
    """An application that is never connected."""
    return PgQueue("signals", dsn="postgresql://nowhere.invalid/")


@pytest.fixture
def every():
    """Every signal by its name."""
    return ALL


@pytest.fixture
def job_id():
    """The id of the job that `run` runs."""
    return ID


class Outcome(NamedTuple):
    """What a run reports: the code of its record, and the rest of it."""

    code: str
    fields: list[str]


@pytest.fixture
def run(tasks):
    """Runs a job of a task as a child does, on a thread or a loop as it needs."""

    def run(task, *args, expires_in=None, name=None, raw=None, **kwargs):
        job = ClaimedJob(
            id=ID,
            claim=1,
            attempt=1,
            max_attempts=None,
            times=None if expires_in is None else json.dumps([expires_in, None, None]),
            queue="default",
            priority=0,
            run_at="",
            task=name or task.name,
            args=encode(list(args), at="args") if raw is None else raw,
            kwargs=encode(kwargs, at="kwargs"),
            headers=None,
        )
        ((_, body),) = frames.FrameReader().feed(frames.jobs_frame([job]))
        run = Run(frames.read_records(body)[0], tasks.tasks, 0.0)
        record = asyncio.run(run.arun()) if run.is_async else run.run()
        code, _, _, *fields = record.split(frames.FIELD)
        return Outcome(code, fields)

    return run


@pytest.fixture
def register(tasks):
    """Makes a function a task of a class of the test's own."""

    def register(kind, function, **options):
        task = tasks.task(name="made", **options)(function)
        task.__class__ = type(kind.__name__, (kind, type(task)), {})
        return task

    return register


@pytest.fixture
def heard():
    """Connects to signals and keeps what they say: `heard("task_prerun")`, then `heard.names`."""

    class Heard(list):
        def __call__(self, *names, **options):
            for name in names:
                self.connect(name, **options)
            return self

        def connect(self, name, **options):
            def receiver(signal, sender, **named):
                assert signal is ALL[name]
                self.append((name, {"sender": sender, **named}))

            ALL[name].connect(receiver, weak=False, **options)

        @property
        def names(self):
            return [name for name, _ in self]

        def said(self, name):
            (named,) = [named for each, named in self if each == name]
            return named

    return Heard()
