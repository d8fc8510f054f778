"""The handle of a group, and what the handle of each kind of canvas is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast
from uuid import UUID

from pgqueue import operations
from pgqueue.apps import APPS
from pgqueue.canvas.feeds import Shape
from pgqueue.canvas.sets import ResultSet
from pgqueue.identifiers import job_id, uuid7
from pgqueue.lineage import as_tuple
from pgqueue.result import AsyncResult, ResultSource


class GroupResult(ResultSet):
    """The results of a group, in the order of its members; what calling a group returns.

    `parent` is the handle of what came before it, if anything did.
    """

    def __init__(
        self,
        id: UUID | str | None = None,  # noqa: A002 (Celery's name)
        results: Iterable[AsyncResult[Any] | ResultSet] = (),
        parent: AsyncResult[Any] | GroupResult | None = None,
        app: ResultSource | None = None,
    ) -> None:
        super().__init__(results, app)
        self.id = str(uuid7() if id is None else job_id(id))
        self.parent = parent

    def __repr__(self) -> str:
        return f"<GroupResult {self.id}: {len(self):,} results>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GroupResult) and other.id == self.id and super().__eq__(other)

    __hash__ = None

    def as_tuple(self) -> tuple[Any, Any]:
        """Return `((id, what came before), members)`, each of the same form: plain data."""
        return as_tuple(self)

    def save(self) -> GroupResult:
        """Store which jobs are in the group, to be had again with `restore`."""
        self._database().run(operations.save_group(self.id, self.ids()))
        return self

    async def asave(self) -> GroupResult:
        """Store which jobs are in the group, from a coroutine."""
        await self._database().arun(operations.save_group(self.id, self.ids()))
        return self

    def delete(self) -> None:
        """Remove what `save` stored."""
        self._database().run(operations.forget_group(self.id))

    async def adelete(self) -> None:
        """Remove what `save` stored, from a coroutine."""
        await self._database().arun(operations.forget_group(self.id))

    @classmethod
    def restore(cls, id: UUID | str, app: ResultSource | None = None) -> GroupResult | None:  # noqa: A002
        """Return a group that was saved; None if there is none of this id, or it was empty."""
        app = app or APPS.find()
        members = app.run(operations.restore_group(job_id(id)))
        return cls._of(id, members, app)

    @classmethod
    async def arestore(cls, id: UUID | str, app: ResultSource | None = None) -> GroupResult | None:  # noqa: A002
        """Return a group that was saved, from a coroutine."""
        app = app or APPS.find()
        members = await app.arun(operations.restore_group(job_id(id)))
        return cls._of(id, members, app)

    @classmethod
    def _of(cls, id_: UUID | str, members: Sequence[Any], app: ResultSource) -> GroupResult | None:
        if not members:
            return None
        return cls(id_, [AsyncResult(each, app) for each in members], app=app)


def handle(
    shape: Shape | None, app: Any, make: Callable[[UUID], AsyncResult[Any]] | None = None
) -> AsyncResult[Any] | GroupResult:
    """Return the handle of a result of this shape, and those of what came before it.

    `make`: how that of a job is made, if it is not one of the application's database.
    """
    if shape is None:
        return GroupResult(app=app)
    before: list[Shape] = []
    at: Shape | None = shape
    while at is not None:  # not by recursion: chains are long
        before.append(at)
        at = at.above
    found: AsyncResult[Any] | GroupResult | None = None
    for each in reversed(before):
        if each.members is None:
            result = make(each.id) if make else AsyncResult[Any](each.id, app)
            result.parent = found
            found = result
        else:
            found = GroupResult(
                each.id, [handle(one, app, make) for one in each.members], found, app
            )
    return cast("AsyncResult[Any] | GroupResult", found)
