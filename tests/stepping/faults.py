"""What goes wrong between two statements."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg
from actors import Actor
from clients import Client
from processes import LEASE, Process
from sessions import COMMIT, Sent, Session
from story import about, short

from pgqueue.query import Query

if TYPE_CHECKING:
    from scheduler import Scheduler

#: How often the server does what is left over from a lost client, rather than anything else.
LATE = 0.04


class Late:
    """What a server has of a client that gave it up: it does that, whenever it comes to it."""

    def __init__(self, name: str, session: Session, statements: list[Any]) -> None:
        self._name = f"{name}, late"
        self.session = session
        self._statements = statements

    def step(self, say: Callable[[str, str], None]) -> bool:
        """Do one more statement; True if there is nothing more to do."""
        statement = self._statements[0]
        if not self.session.busy:
            self.session.begin(statement)
        if not self.session.settled():
            say(self._name, f"{about(statement)} … waits")
            return False
        try:
            said = self.session.take()
        except psycopg.Error as error:
            said, self._statements = error, []
        say(self._name, f"{about(statement)} = {short(said)}")
        self._statements = self._statements[1:]
        if not self._statements:
            self.session.close()  # it notices that nobody is there
        return not self._statements


def strike(world: Scheduler) -> None:
    """Have each fault happen now, or not."""
    strikes, choice = world.weather.strikes, world.random.choice
    if strikes("leap"):
        world.tick(LEASE + 1)
    if strikes("kill"):
        name = choice([*world.actors])
        world.say(name, "its session is terminated")
        world.kill(name)
    if strikes("die"):
        name = choice(_processes(world))
        world.say(name, "dies")
        world.bury(name)
        world.bear()
    if strikes("freeze"):
        _freeze(world)
    if strikes("cut"):
        _cut(world)
    waiting = [n for n, s in world.sessions.items() if s.busy and not s.done]
    if waiting and strikes("interrupt"):
        name = choice(waiting)
        world.say(name, "runs out of patience")
        world.sessions[name].interrupt()


def _freeze(world: Scheduler) -> None:
    """Stop an actor for some turns, or past its lease; some process is left that notices."""
    fit = [name for name in world.actors if not world.is_frozen(name)]
    awake = [name for name in _processes(world) if name in fit]
    if len(awake) == 1:
        fit.remove(awake[0])
    fit = [n for n in fit if world.sessions[n].in_transaction == world.weather.freezes_busy]
    if not fit:
        return
    name = world.random.choices(fit, [_worth(world.actors[n]) for n in fit])[0]
    rounds, time = world.random.choice([(40, 0.0), (1, LEASE), (20, LEASE), (60, LEASE)])
    if world.random.random() < 0.3:
        world.doomed.add(name)
    world.say(name, f"freezes for {rounds} turns and {time:g} s")
    world.frozen[name] = world.rounds + rounds, world.now + time


def _worth(actor: Actor) -> int:
    """Return how interesting it is if this one freezes: who has jobs in hand may lose them."""
    return 1 if isinstance(actor, Client) or actor.idle else 10 * actor.weight


def _cut(world: Scheduler) -> None:
    """Have a worker lose its connection with a statement on the way, which is done later."""
    fit = [n for n in world.actors if world.actors[n].weight > 1 and _is_sent(world, n)]
    if not fit:
        return
    name = world.random.choice(fit)
    wanted = world.wants(name)
    statements = [wanted.query, *wanted.rest] if isinstance(wanted, Sent) else [wanted]
    world.say(name, f"loses its connection; on the way: {about(wanted)}")
    world.late.append(Late(name, world.sessions[name].cut(), statements))
    world.lose(name)


def _is_sent(world: Scheduler, name: str) -> bool:
    wanted, actor = world.wants(name), world.actors[name]
    if isinstance(actor, Process) and not actor.lifeline:
        return False  # then nobody could tell when the lost session is over
    sendable = isinstance(wanted, (Sent, Query)) or wanted == COMMIT
    return sendable and world.sessions[name].pid is not None


def _processes(world: Scheduler) -> list[str]:
    return [name for name, actor in world.actors.items() if isinstance(actor, Process)]
