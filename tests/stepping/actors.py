"""Who acts: a generator asks for one step after another, and is told what came of each."""

from __future__ import annotations

from collections.abc import Generator
from random import Random
from typing import Any, Protocol

import psycopg
from ledger import Ledger
from sessions import BEGIN, COMMIT, ROLLBACK, Lost, Sent
from weather import Weather

from pgqueue.query import Query

Steps = Generator[Any, Any, Any]
QUEUES = ("default", "mail")
TASK = "t"
MAX_ATTEMPTS = 3


class World(Protocol):
    """What actors know of the world."""

    random: Random
    ledger: Ledger
    weather: Weather
    #: No faults any more, and nothing new: what has begun is to end.
    draining: bool
    #: Seconds since the beginning, by the database's clock.
    now: float
    #: Whose turn it was, so often.
    rounds: int

    def restart(self, name: str) -> None:
        """End an actor and its session in the middle of whatever it does, and begin it anew."""
        ...


class Actor:
    """One connection's worth of acts, over and over."""

    #: How often it is its turn.
    weight = 1

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.random = world.random
        #: Also its session's application_name.
        self.name = name

    def life(self) -> Steps:
        """Act until the end; everything that it remembers begins here."""
        raise NotImplementedError

    @property
    def idle(self) -> bool:
        """Whether it has nothing more to do once the world drains."""
        raise NotImplementedError

    @property
    def rests(self) -> bool:
        """Whether nothing but another actor makes it act again."""
        return self.idle


def at_once(*queries: Query[Any]) -> Steps:
    """Run queries in one round trip and one transaction; return what each one read.

    The server does them one after the other, and others come in between. It has the whole text:
    what the client does not wait for any more is done nevertheless.
    """
    yield BEGIN
    try:
        results = []
        for number, query in enumerate(queries):
            results.append((yield Sent(query, (*queries[number + 1 :], COMMIT))))
        yield COMMIT
    except psycopg.Error as error:
        if not isinstance(error, Lost):
            yield ROLLBACK
        raise
    return results
