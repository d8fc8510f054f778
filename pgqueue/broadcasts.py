"""A command to workers on its way: whom it is for, and who has answered. Pure."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypedDict
from uuid import UUID

from pgqueue import operations
from pgqueue.backoff import Doubling
from pgqueue.codec import encode
from pgqueue.errors import InvalidOption
from pgqueue.identifiers import uuid7
from pgqueue.inspection import node_names
from pgqueue.query import Query
from pgqueue.rows import WorkerRow

#: A worker that has not come to a command after so many seconds leaves it.
VALID = 60.0
#: Between two looks for answers, in seconds: first and last.
LOOKS = 0.005, 0.1

Replies = list[dict[str, Any]]


class Asked(TypedDict, total=False):
    """Whom a command is for, and whether answers are waited for; Celery's names.

    `destination`: the name of a worker, or several; else all. `pattern`: those whose name matches,
    by `matcher`, "glob" (the default) or "pcre", a regular expression. `reply`: wait for answers
    and return them; at most `timeout` seconds (1.0), and for no more than `limit` of them.
    """

    destination: str | Iterable[str] | None
    pattern: str | None
    matcher: str | None
    reply: bool
    timeout: float
    limit: int | None


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A command on its way: to whom, and who is there to answer."""

    id: UUID
    command: str
    arguments: str
    workers: list[WorkerRow]
    limit: int | None

    def told(self) -> Query[None]:
        """Return what tells the workers."""
        ids = [worker.id for worker in self.workers]
        return operations.tell(self.id, self.command, self.arguments, ids, VALID)

    def is_over(self, answers: dict[int, str | None]) -> bool:
        """Whether nobody else is waited for: all have answered whose lease is not over."""
        given = {worker for worker, answer in answers.items() if answer is not None}
        enough = self.limit is not None and len(given) >= self.limit
        return enough or all(w.id in given for w in self.workers if w.alive)

    def read(self, answers: dict[int, str | None]) -> list[tuple[WorkerRow, Any]]:
        """Return the workers with what they answered; None: nothing."""
        texts = [(worker, answers.get(worker.id)) for worker in self.workers]
        return [(worker, None if text is None else json.loads(text)) for worker, text in texts]


def broadcast_of(
    command: str, arguments: dict[str, Any] | None, workers: list[WorkerRow], asked: Asked
) -> Broadcast:
    """Return the command for these workers."""
    text = encode(arguments or {}, at="arguments")
    return Broadcast(uuid7(), command, text, workers, asked.get("limit"))


def addressed(workers: list[WorkerRow], asked: Asked) -> list[WorkerRow]:
    """Return those of the workers that a command is for."""
    destination = asked.get("destination")
    if destination is not None:
        wanted = {destination} if isinstance(destination, str) else set(destination)
        workers = [worker for worker in workers if worker.name in wanted]
    if (pattern := asked.get("pattern")) is None:
        return workers
    matcher = asked.get("matcher") or "glob"
    if matcher == "glob":
        return [worker for worker in workers if fnmatchcase(worker.name, pattern)]
    if matcher != "pcre":
        raise InvalidOption(f"matcher={matcher!r}: give 'glob' or 'pcre'")
    return [worker for worker in workers if re.search(pattern, worker.name)]


def pauses(asked: Asked) -> Iterator[float]:
    """Yield how long to wait between two looks, until the time is over; the last look is then."""
    deadline = time.monotonic() + asked.get("timeout", 1.0)
    looks = Doubling(*LOOKS)
    while (left := deadline - time.monotonic()) > 0:
        yield min(looks.next(), left)
    yield 0.0


def replies(said: list[tuple[WorkerRow, Any]]) -> Replies:
    """Return answers in Celery's form: a dict for each worker that gave one."""
    names = node_names(worker for worker, _ in said)
    return [{names[worker.id]: answer} for worker, answer in said if answer is not None]
