"""The jobs of a canvas before they are jobs: from a signature's words to what is inserted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from pgqueue.canvas.feeds import Context, Feed, Path, named, said
from pgqueue.canvas.nodes import EACH, STARMAP, Node
from pgqueue.canvas.records import headers_with, noted, template
from pgqueue.declaring import Plan
from pgqueue.describe import shortened
from pgqueue.errors import InvalidCall, InvalidOption, PgQueueError
from pgqueue.options import new_job
from pgqueue.rows import Edge, NewJob
from pgqueue.unique import is_asked


class Maker(Protocol):
    """What makes the job of a call: a task."""

    @property
    def plan(self) -> Plan:
        """What its jobs are like."""
        ...

    def job(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: Mapping[str, Any],
        before: int | None = 0,
        id: UUID | None = None,  # noqa: A002 (what it is)
    ) -> NewJob:
        """Return the job, checked; `before`: how many arguments will be put before these."""
        ...

    def check(self, args: Sequence[Any], kwargs: Mapping[str, Any], before: int = 0) -> None:
        """Raise `InvalidCall` if the arguments do not fit."""
        ...


#: Finds the task that a signature of one names; None if it is not registered here.
Find = Callable[[Node], Maker | None]


class Errback(NamedTuple):
    """What is enqueued when a job fails: under which id, and its JSON."""

    id: UUID
    job: str


class Draft:
    """A job to be: what it is made of, and where in the canvas that stands."""

    __slots__ = ("args", "feed", "id", "kwargs", "node", "notes", "options", "path")

    def __init__(
        self,
        id_: UUID,
        node: Node,
        feed: Feed,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: Mapping[str, Any],
        path: Path,
    ) -> None:
        self.id = id_
        self.node = node
        self.feed = feed
        self.args = args
        self.kwargs = kwargs
        self.options = options
        self.path = path
        self.notes: dict[str, Any] | None = None


@dataclass(slots=True)
class Drafts:
    """The jobs to be of a canvas, and the edges between them."""

    context: Context = Context()  # noqa: RUF009 (an immutable tuple)
    find: Find = lambda _node: None
    edges: list[Edge] = field(default_factory=list)
    #: The tasks that are known, by name.
    tasks: dict[str, Maker] = field(default_factory=dict)
    #: In the order of the canvas: the first one is a head.
    _drafts: dict[UUID, Draft] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of the canvas: no job."""
        return not self._drafts

    # ── what a layout puts in ────────────────────────────────────────────────────────────────

    def _add(self, draft: Draft, errbacks: tuple[Errback, ...]) -> None:
        id_, feed = draft.id, draft.feed
        if id_ in self._drafts:
            raise InvalidOption(
                f"{said(draft.path)}task_id={str(id_)!r} is another task's of this canvas, too: "
                "clone() the signature before it is frozen"
            )
        self._drafts[id_] = draft
        if feed.many:
            self.edges += [Edge(p, id_, "call", place) for place, p in enumerate(feed.ids)]
        elif feed.ids:
            self.edges.append(Edge(feed.ids[0], id_, "call", -1))
        else:
            self.edges += [Edge(parent, id_, "call") for parent in feed.after]
        self.edges += [Edge(id_, each.id, "error", None, each.job) for each in errbacks]

    def _errback(self, node: Node, path: Path) -> Errback:
        path = (*path, ("link_error", ""))
        if not isinstance(node, Mapping) or node.get("subtask_type"):
            raise InvalidOption(
                f"{said(path)}{node!r}: an errback is the signature of one task; have that one "
                "call what shall follow"
            )
        if any(node["options"].get(name) for name in ("link", "link_error")):
            raise InvalidOption(f"{said(path)}{node!r}: an errback has no callbacks of its own")
        made = partial(self._made, node, node["args"], node["kwargs"], node["options"], path)
        if node.get("immutable"):
            job = made(0)
            return Errback(job.id, template(job, immutable=True))
        try:
            job = made(3)  # request, exc, traceback
        except InvalidCall:
            job = made(1)  # the failed job's id
        return Errback(job.id, template(noted(job, {"errback": True}), immutable=False))

    # ── what comes out ───────────────────────────────────────────────────────────────────────

    def jobs(self) -> list[NewJob]:
        """Return the jobs, each checked; an error names its place in the canvas."""
        linked = {edge.parent_id for edge in self.edges}
        root = self.context.root_id
        if root is None and self.edges:
            root = next(iter(self._drafts))
        return [self._job(draft, root, linked) for draft in self._drafts.values()]

    def _job(self, draft: Draft, root: UUID | None, linked: set[UUID]) -> NewJob:
        feed, notes = draft.feed, draft.notes
        before: int | None = 1 if feed.ids else 0
        if notes and "each" in notes:
            self._check_each(draft, starred=notes["each"] == EACH[STARMAP])
            before = None
        given = (draft.node, draft.args, draft.kwargs, draft.options)
        job = self._made(*given, draft.path, before, draft.id)
        if job.unique is not None and self.edges:
            raise _not_unique(draft.node["task"])
        return job._replace(
            headers=headers_with(notes, job.headers) if notes else job.headers,
            id=draft.id,
            parent_id=feed.parent or self.context.parent_id,
            root_id=root,
            open_parents=len(feed.waits) or None,
            linked=True if draft.id in linked else None,
        )

    def _check_each(self, draft: Draft, *, starred: bool) -> None:
        task = self.find(draft.node)
        items, *rest = draft.args
        for number, item in enumerate(items):
            place = (*draft.path, (f"item {number}", ""))
            if starred and not isinstance(item, (list, tuple)):
                raise InvalidCall(f"{said(place)}{shortened(item)}: give a list of arguments")
            if task is not None:
                with named(place):
                    task.check((*(item if starred else (item,)), *rest), draft.kwargs)

    def _made(
        self,
        node: Node,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: Mapping[str, Any],
        path: Path,
        before: int | None,
        id: UUID | None = None,  # noqa: A002 (what it is)
    ) -> NewJob:
        task = self.find(node)
        try:
            if path and is_asked(options, task is not None and task.plan.unique):
                raise _not_unique(node["task"])
            if task is None:
                return new_job(node["task"], args, kwargs, options)
            self.tasks[node["task"]] = task
            return task.job(args, kwargs, options, before, id)
        except PgQueueError as error:  # (a block of its own costs a large group more)
            if not path:
                raise
            raise type(error)(f"{said(path)}{error}") from error


def _not_unique(task: str) -> InvalidOption:
    return InvalidOption(
        f"{task}: a task of a canvas cannot be unique: what follows waits for a job of its own; "
        "set unique=False for it, or send it by itself"
    )
