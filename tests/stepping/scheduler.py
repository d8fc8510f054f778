"""Steps actors one statement at a time, in an order and with faults that a seed decides."""

from __future__ import annotations

from random import Random
from typing import Any

import audit
import faults
import psycopg
import rules
import settling
from actors import Actor
from clients import Client
from ledger import Ledger
from processes import Process
from rules import Broken, must
from sessions import BEGIN, COMMIT, CONNECT, IDLE, ROLLBACK, Lost, Sent, Session
from story import about, short
from weather import Weather

from pgqueue.query import Query
from support.clock import Clock

TICKS = [0.05, 0.2, 0.3, 0.5, 1.0]
#: A run that has not ended so many rounds after its last fault never will.
PATIENCE = 5000


class Scheduler:
    """The world of one run."""

    def __init__(
        self, dsn: str, observer: psycopg.Connection, clock: Clock, seed: int, favour: str = ""
    ) -> None:
        self.random = Random(seed)
        self.ledger = Ledger()
        self.weather = Weather(self.random, favour)
        self.draining = False
        self.now = 0.0
        #: Statements so far; turns so far, also of those who did nothing.
        self.steps = self.rounds = 0
        #: What happened, a line per step.
        self.trace: list[str] = [f"seed {seed}"]
        self.actors: dict[str, Actor] = {}
        self.sessions: dict[str, Session] = {}
        #: What the server still does for clients that have lost it.
        self.late: list[faults.Late] = []
        #: Who is frozen: until which round and which time at least.
        self.frozen: dict[str, tuple[int, float]] = {}
        #: Whose next commit is done, and not answered.
        self.doomed: set[str] = set()
        self._dsn, self._observer, self._clock = dsn, observer, clock
        self._lives: dict[str, Any] = {}
        self._wants: dict[str, Any] = {}
        self._born = self._struck = 0
        self.ledger.may_be_lost = self._may_be_lost
        if self.weather.rated:
            pace = rules.PACE.rate_limit, rules.PACE.rate_burst
            observer.execute("select pgqueue.rate_queue(%s, %s, %s)", [rules.RATED, *pace])
            self.ledger.rated = {rules.RATED}
        for name in ("c1", "c2"):
            self._add(Client(self, name))
        for _ in range(self.weather.processes):
            self.bear()

    def run(self, steps: int) -> None:
        """Go on for so many steps with faults, then without any until all has ended."""
        try:
            while self.steps < steps:
                self._round()
            self.draining = True
            self.frozen.clear()
            for _ in range(PATIENCE):
                if self._ended():
                    break
                self._round()
            self._close()
            self._look()
            settling.settle(self.ledger, self._observer)
        except Broken as broken:
            self.trace.append(f"broken: {broken}")
            raise
        finally:
            self._close()

    # ── one step ──

    def _round(self) -> None:
        self.rounds += 1
        if self.weather.strikes("tick"):
            self.tick(self.random.choice(TICKS))
        if self.steps > self._struck and not self.draining:
            self._struck = self.steps
            faults.strike(self)
        ready = [name for name in self.actors if self._is_ready(name)]
        if self.late and self.random.random() < faults.LATE:
            self._do_late()
        elif ready:
            weights = [self.actors[name].weight for name in ready]
            self._advance(self.random.choices(ready, weights)[0])
        else:
            self.frozen.clear()

    def _is_ready(self, name: str) -> bool:
        if self.is_frozen(name):
            return False
        session = self.sessions[name]
        if session.busy:
            return session.done
        return not (self._wants[name] == IDLE and self.actors[name].rests)

    def _advance(self, name: str) -> None:
        session, wanted = self.sessions[name], self._wants[name]
        if wanted == IDLE:
            self._tell(name, None, None)
            return
        self.steps += 1
        loses = False
        if not session.busy:
            commits = wanted == COMMIT or (isinstance(wanted, Query) and not session.in_transaction)
            loses = commits and not self.draining and self._loses_answer(name)
            session.begin(wanted.query if isinstance(wanted, Sent) else wanted)
            if not session.settled():
                self.say(name, f"{about(wanted)} … waits")
                return
        result, error = self._taken(session)
        if loses and not error:
            self.kill(name)
            error = Lost("the answer was lost")
        self.say(name, f"{about(wanted)} = {short(error or result)}")
        if wanted not in (CONNECT, ROLLBACK):
            self._look()
        self._tell(name, result, error)

    def _taken(self, session: Session) -> tuple[Any, Exception | None]:
        try:
            return session.take(), None
        except psycopg.Error as error:
            must(isinstance(error, psycopg.OperationalError), f"an error: {error}")
            return None, error

    def _do_late(self) -> None:
        """Have the server do one more thing for a client that has gone."""
        late = self.random.choice(self.late)
        if late.step(self.say):
            self.late.remove(late)
        self.steps += 1
        self._look()

    def _loses_answer(self, name: str) -> bool:
        doomed = name in self.doomed
        self.doomed.discard(name)
        return doomed or self.weather.strikes("lose_answer")

    def _tell(self, name: str, result: Any, error: Exception | None) -> None:
        """Give an actor its answer; a transaction that it begins is nothing that anybody sees."""
        life, session = self._lives[name], self.sessions[name]
        wants = life.throw(error) if error else life.send(result)
        while wants == BEGIN:
            session.begin(BEGIN)
            session.settled()
            _, error = self._taken(session)
            wants = life.throw(error) if error else life.send(None)
        self._wants[name] = wants

    def _look(self) -> None:
        for session in [*self.sessions.values(), *(late.session for late in self.late)]:
            if session.busy:
                session.settled()  # so that what has happened does not depend on who is faster
        self.ledger.note(audit.taken(self._observer))

    # ── what faults and actors do to the world ──

    def is_frozen(self, name: str) -> bool:
        """Return whether an actor does nothing now."""
        round_, time = self.frozen.get(name, (0, 0.0))
        return round_ > self.rounds or time > self.now

    def wants(self, name: str) -> Any:
        """Return what an actor waits for."""
        return self._wants[name]

    def lose(self, name: str) -> None:
        """Tell an actor that its connection is gone."""
        if (process := self.actors[name]) and isinstance(process, Process):
            process.attached = False
        self._tell(name, None, Lost("the connection was lost"))

    def kill(self, name: str) -> None:
        """Terminate an actor's session."""
        self.sessions[name].terminate()
        if isinstance(actor := self.actors.get(name), Process):
            actor.attached = False

    def restart(self, name: str) -> None:
        """End an actor and its session in the middle of whatever it does, and begin it anew."""
        self.sessions.pop(name).close()
        self._look()
        self._add(self.actors[name])

    def tick(self, seconds: float) -> None:
        """Move the clock."""
        self._clock.advance(seconds)
        self.now += seconds
        self.trace.append(f"{self.steps:5} the clock is {self.now:.2f}")

    def bear(self) -> None:
        """Start a process and its child."""
        self._born += 1
        process = Process(self, f"w{self._born}")
        self._add(process)
        self._add(process.child)

    def bury(self, name: str) -> None:
        """End a process and its child as kill -9 does."""
        for each in (f"{name}/child", name):
            self.sessions.pop(each).close()
            del self.actors[each], self._lives[each], self._wants[each]

    def say(self, name: str, what: str) -> None:
        """Note what happened."""
        self.trace.append(f"{self.steps:5} {name:9} {what}")

    def _add(self, actor: Actor) -> None:
        self.actors[actor.name] = actor
        self.sessions[actor.name] = Session(self._dsn, actor.name, self._observer)
        self._lives[actor.name] = actor.life()
        self._wants[actor.name] = next(self._lives[actor.name])

    def _close(self) -> None:
        for session in [*self.sessions.values(), *(late.session for late in self.late)]:
            session.close()
        self.sessions.clear()
        self.late.clear()

    def _may_be_lost(self, name: str) -> bool:
        actor = self.actors.get(name)
        return not isinstance(actor, Process) or actor.may_be_lost

    def _ended(self) -> bool:
        idle = all(actor.idle for actor in self.actors.values())
        return idle and not self.late and not self.ledger.unfinished()
