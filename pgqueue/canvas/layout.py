"""The compiler of canvas: what jobs and edges a signature means. Pure.

A signature is a tree of dicts. It is laid out from its beginning to its end: each piece is given a
`Feed`, which says what it begins with, and leaves one to the next. So a chain hands its feed from
piece to piece, a group gives every member the same and leaves the results of all as one list, and
a group before anything else is a chord without a rule of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from pgqueue.canvas.nodes import (
    CHAIN,
    CHORD,
    CHUNKS,
    EACH,
    GROUP,
    STARMAP,
    Node,
    as_group,
    chunked,
    heads,
    listed,
    vanishes,
)
from pgqueue.canvas.records import become, headers_with, noted, template
from pgqueue.declaring import Plan
from pgqueue.describe import shortened
from pgqueue.errors import InvalidCall, InvalidOption, PgQueueError
from pgqueue.identifiers import job_id, uuid7
from pgqueue.options import new_job
from pgqueue.rows import Edge, NewJob
from pgqueue.unique import is_asked

#: The task of a job that never runs: it becomes the list of its parents' results.
JOIN = "pgqueue.join"

#: Options of a canvas that are not its pieces'.
_OF_THE_WHOLE = ("link", "link_error", "task_id")
_TIMES = ("countdown", "eta")

#: Where a piece is: ("chain", 2) is the second task of a chain.
Path = tuple[tuple[str, object], ...]


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


class Context(NamedTuple):
    """What a canvas is sent from: the job that runs here, and its root; or nothing."""

    parent_id: UUID | None = None
    root_id: UUID | None = None


class Feed(NamedTuple):
    """What a piece begins with, and what it leaves to the next one.

    The results of `ids` come first, as one list if `many`; then `args`, which are known. `after`
    is only waited for. `parent` is what its first jobs have as their parent.
    """

    ids: tuple[UUID, ...] = ()
    many: bool = False
    after: tuple[UUID, ...] = ()
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    parent: UUID | None = None

    @property
    def waits(self) -> tuple[UUID, ...]:
        """The jobs that must have succeeded before."""
        return self.ids or self.after

    def only_waiting(self) -> Feed:
        """Return the feed of a piece that takes no arguments."""
        return Feed(after=self.waits, parent=self.parent)

    def given(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Feed:
        """Return the feed with known arguments besides."""
        if not args and not kwargs:
            return self
        return self._replace(args=(*self.args, *args), kwargs={**kwargs, **self.kwargs})


@dataclass(frozen=True, slots=True)
class Shape:
    """What a piece's result is: a job's, or a group's `members`; `above`: what came before it."""

    id: UUID
    members: tuple[Shape, ...] | None = None
    above: Shape | None = None


class _Errback(NamedTuple):
    id: UUID
    job: str


class _Marks(NamedTuple):
    """What the jobs at the end of a group's member note: the group, and which of how many."""

    group: UUID
    numbers: list[int]

    def next(self) -> dict[str, Any]:
        self.numbers[0] += 1
        return {"group": str(self.group), "group_index": self.numbers[0] - 1}


class _Draft:
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


class _At(NamedTuple):
    """What a piece is laid out with: what it begins with, its options, and what is around it."""

    feed: Feed
    options: Mapping[str, Any] = {}
    errbacks: tuple[_Errback, ...] = ()
    marks: _Marks | None = None
    #: The result of what came before.
    above: Shape | None = None
    path: Path = ()

    def inner(self, *names: str) -> dict[str, Any]:
        """Return the options for what the piece is made of, without those of these names."""
        return {k: v for k, v in self.options.items() if k not in names and k not in _OF_THE_WHOLE}


@dataclass(slots=True)
class Layout:
    """A canvas laid out: its jobs to be, the edges between them, how it ends, and its result."""

    context: Context = Context()  # noqa: RUF009 (an immutable tuple)
    find: Find = lambda _node: None
    edges: list[Edge] = field(default_factory=list)
    feed: Feed = Feed()  # noqa: RUF009 (the same)
    shape: Shape | None = None
    #: The tasks that are known, by name.
    tasks: dict[str, Maker] = field(default_factory=dict)
    #: In the order of the canvas: the first one is a head.
    _drafts: dict[UUID, _Draft] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of the canvas: no job."""
        return not self._drafts

    # ── pieces ───────────────────────────────────────────────────────────────────────────────

    def piece(self, node: Node, at: _At) -> tuple[Feed, Shape | None]:
        """Lay out one piece of any kind; returns what it leaves, and its result's shape.

        The shape is None where nothing is left of it: an empty chain.
        """
        if own := node["options"]:
            at = at._replace(options={**own, **at.options})
        if node.get("immutable"):
            at = at._replace(feed=at.feed.only_waiting())
        if given := at.options.get("link_error"):
            errbacks = [self._errback(each, at.path) for each in listed(given)]
            at = at._replace(errbacks=(*at.errbacks, *errbacks))
        feed, shape = self._laid(node, at)
        links = at.options.get("link") if shape is not None else None
        for number, each in enumerate(listed(links or ()), 1):
            self.piece(each, _At(feed, path=(*at.path, ("link", number))))
        return feed, shape

    def _laid(self, node: Node, at: _At) -> tuple[Feed, Shape | None]:
        kind = node.get("subtask_type")
        if kind is None:
            return self._task(node, at)
        if kind == CHAIN:
            return self._chain(node, at)
        if kind == GROUP:
            return self._group(node, at)
        if kind == CHORD:
            return self._chord(node, at)
        return self._group(chunked(node), at) if kind == CHUNKS else self._repeated(node, at)

    def _task(self, node: Node, at: _At) -> tuple[Feed, Shape]:
        feed, options = at.feed, at.options
        chosen = options.get("task_id")
        id_ = uuid7() if chosen is None else job_id(chosen)
        if "link" in options or "link_error" in options:
            options = {k: v for k, v in options.items() if k not in ("link", "link_error")}
        args, kwargs = node["args"], node["kwargs"]
        if feed.args or feed.kwargs:
            args, kwargs = (*feed.args, *args), {**kwargs, **feed.kwargs}
        draft = _Draft(id_, node, feed, args, kwargs, options, at.path)
        if at.marks:
            draft.notes = at.marks.next()
        self._add(draft, at.errbacks)
        return Feed((id_,), parent=id_), Shape(id_, above=at.above)

    def _chain(self, node: Node, at: _At) -> tuple[Feed, Shape | None]:
        feed = at.feed.given(node["args"], node["kwargs"].get("kwargs", {}))
        numbered = enumerate(node["kwargs"]["tasks"], 1)
        pieces = [(number, each) for number, each in numbered if not vanishes(each)]
        options, above, shape = at.inner(), at.above, None
        for number, each in pieces:
            is_last = number == pieces[-1][0]
            if is_last and "task_id" in at.options:
                options["task_id"] = at.options["task_id"]
            before = feed
            inside = _At(
                feed,
                options,
                at.errbacks,
                at.marks if is_last else None,
                above,
                (*at.path, ("chain", f"task {number}")),
            )
            feed, shape = self.piece(each, inside)
            if before.many and shape is not None:
                self._note_chord(before, shape)
            above, options = shape, {}
        return feed, shape

    def _group(self, node: Node, at: _At) -> tuple[Feed, Shape]:
        feed = at.feed.given(node["args"], node["kwargs"].get("kwargs", {}))
        if len(feed.waits) > 1 and heads(node) > 1:
            feed = self._join(feed, at.path)
        chosen = at.options.get("task_id")
        id_ = uuid7() if chosen is None else job_id(chosen)
        inside = _At(feed, at.inner(), at.errbacks, at.marks or _Marks(id_, [0]))
        ends: list[UUID] = []
        shapes: list[Shape] = []
        for number, each in enumerate(node["kwargs"]["tasks"], 1):
            place = (*at.path, ("group", f"task {number}"))
            left, shape = self.piece(each, inside._replace(path=place))
            if shape is None:
                continue
            ends += left.ids
            if shape.members is not None and each.get("subtask_type") in (GROUP, CHUNKS):
                shapes += shape.members
            else:
                shapes.append(shape)
        whole = Shape(id_, tuple(shapes), at.above)
        if ends:
            return Feed(tuple(ends), many=True, parent=feed.parent), whole
        return Feed(args=([],), after=feed.waits, parent=feed.parent), whole

    def _chord(self, node: Node, at: _At) -> tuple[Feed, Shape | None]:
        feed = at.feed.given(node["args"], node["kwargs"].get("kwargs", {}))
        header, body = as_group(node["kwargs"]["header"]), node["kwargs"]["body"]
        place = (*at.path, ("chord", "header"))
        before, shape = self.piece(
            header, _At(feed, at.inner(), at.errbacks, None, at.above, place)
        )
        if vanishes(body):
            return before, shape
        options = at.inner(*_TIMES)
        if "task_id" in at.options:
            options["task_id"] = at.options["task_id"]
        place = (*at.path, ("chord", "body"))
        left, result = self.piece(body, _At(before, options, at.errbacks, at.marks, shape, place))
        if result is not None:
            self._note_chord(before, result)
        return left, result

    def _repeated(self, node: Node, at: _At) -> tuple[Feed, Shape]:
        """A task that is called once for each item, in one job."""
        inner = node["kwargs"]["task"]
        at = at._replace(feed=at.feed.only_waiting(), options={**inner["options"], **at.options})
        feed, shape = self._task(inner, at)
        draft = self._drafts[shape.id]
        draft.args = (list(node["kwargs"]["it"]), *inner["args"])
        draft.notes = {**(draft.notes or {}), "each": EACH[node["subtask_type"]]}
        return feed, shape

    def _join(self, feed: Feed, path: Path) -> Feed:
        """Put a job between many parents and many children: an edge to each, not each to each."""
        id_ = uuid7()
        node = {"task": JOIN, "args": (), "kwargs": {}, "options": {}}
        self._drafts[id_] = _Draft(id_, node, feed.only_waiting(), (), {}, {}, path)
        self.edges += become(feed.waits, id_, many=True)
        return feed._replace(ids=(id_,), many=False) if feed.ids else feed._replace(after=(id_,))

    # ── jobs and edges ───────────────────────────────────────────────────────────────────────

    def _add(self, draft: _Draft, errbacks: tuple[_Errback, ...]) -> None:
        id_, feed = draft.id, draft.feed
        if id_ in self._drafts:
            raise InvalidOption(
                f"{_said(draft.path)}task_id={str(id_)!r} is another task's of this canvas, too: "
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

    def _note_chord(self, header: Feed, body: Shape) -> None:
        for id_ in header.ids:
            if notes := self._drafts[id_].notes:
                notes["chord"] = str(body.id)

    def _errback(self, node: Node, path: Path) -> _Errback:
        path = (*path, ("link_error", ""))
        if not isinstance(node, Mapping) or node.get("subtask_type"):
            raise InvalidOption(
                f"{_said(path)}{node!r}: an errback is the signature of one task; have that one "
                "call what shall follow"
            )
        if any(node["options"].get(name) for name in ("link", "link_error")):
            raise InvalidOption(f"{_said(path)}{node!r}: an errback has no callbacks of its own")
        made = partial(self._made, node, node["args"], node["kwargs"], node["options"], path)
        if node.get("immutable"):
            job = made(0)
            return _Errback(job.id, template(job, immutable=True))
        try:
            job = made(3)  # request, exc, traceback
        except InvalidCall:
            job = made(1)  # the failed job's id
        return _Errback(job.id, template(noted(job, {"errback": True}), immutable=False))

    def jobs(self) -> list[NewJob]:
        """Return the jobs, each checked; an error names its place in the canvas."""
        linked = {edge.parent_id for edge in self.edges}
        root = self.context.root_id
        if root is None and self.edges:
            root = next(iter(self._drafts))
        return [self._job(draft, root, linked) for draft in self._drafts.values()]

    def _job(self, draft: _Draft, root: UUID | None, linked: set[UUID]) -> NewJob:
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

    def _check_each(self, draft: _Draft, *, starred: bool) -> None:
        task = self.find(draft.node)
        items, *rest = draft.args
        for number, item in enumerate(items):
            place = (*draft.path, (f"item {number}", ""))
            if starred and not isinstance(item, (list, tuple)):
                raise InvalidCall(f"{_said(place)}{shortened(item)}: give a list of arguments")
            if task is not None:
                with _named(place):
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
            raise type(error)(f"{_said(path)}{error}") from error


def laid_out(
    node: Node,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    find: Find = lambda _node: None,
    context: Context = Context(),  # noqa: B008 (an immutable tuple)
) -> Layout:
    """Return the layout of a whole canvas, called with these arguments and options.

    >>> first, then = (dict(task=name, args=(), kwargs={}, options={}) for name in "ab")
    >>> node = dict(task="", args=(), kwargs={"tasks": [first, then]}, options={})
    >>> layout = laid_out({**node, "subtask_type": "chain"}, [1])
    >>> [(job.task, job.args, job.open_parents) for job in layout.jobs()]
    [('a', '[1]', None), ('b', '[]', 1)]
    """
    layout = Layout(context, find)
    feed = Feed(args=tuple(args), kwargs=kwargs or {})
    layout.feed, layout.shape = layout.piece(node, _At(feed, options or {}))
    return layout


def _not_unique(task: str) -> InvalidOption:
    return InvalidOption(
        f"{task}: a task of a canvas cannot be unique: what follows waits for a job of its own; "
        "set unique=False for it, or send it by itself"
    )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Have an error say where in the canvas it was found."""
    try:
        yield
    except PgQueueError as error:
        raise type(error)(f"{_said(path)}{error}") from error


def _said(path: Path) -> str:
    """Return a place in a canvas as people say it.

    >>> _said((("chain", "task 2"), ("group", "task 1")))
    'chain, task 2: group, task 1: '
    """
    return "".join(f"{kind}, {number}: " if number else f"{kind}: " for kind, number in path)
