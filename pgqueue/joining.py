"""Whether a task may wait for the result of another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pgqueue.errors import InvalidWait
from pgqueue.request import current

_joins: ContextVar[bool] = ContextVar("pgqueue_joins", default=False)


@contextmanager
def allow_join_result() -> Iterator[None]:
    """Let a task wait for results in the block, as `get(disable_sync_subtasks=False)` does.

    A task that waits for another one takes a slot until that has run: with as many of them as the
    workers have slots, all wait for ever.
    """
    token = _joins.set(True)
    try:
        yield
    finally:
        _joins.reset(token)


def refuse_to_wait(id_: str) -> None:
    """Raise `InvalidWait` in a task that has not said that it may wait."""
    request = current.get()
    if request is not None and not request.is_eager and not _joins.get():
        raise InvalidWait(
            f"{request.task}[{request.id}] waits for job {id_}: tasks that wait for others take "
            "all slots in the end; use a chain or a chord, or, if there are slots enough for all, "
            "get(disable_sync_subtasks=False) or allow_join_result()"
        )
