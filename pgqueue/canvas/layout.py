"""The compiler of canvas: what jobs and edges a signature means. Pure.

A signature is a tree of dicts. It is laid out from its beginning to its end: each piece is given a
`Feed`, which says what it begins with, and leaves one to the next. So a chain hands its feed from
piece to piece, a group gives every member the same and leaves the results of all as one list, and
a group before anything else is a chord without a rule of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from pgqueue.canvas.drafts import Draft, Drafts, Errback, Find
from pgqueue.canvas.feeds import Context, Feed, Path, Shape
from pgqueue.canvas.nodes import (
    CHAIN,
    CHORD,
    CHUNKS,
    EACH,
    GROUP,
    Node,
    as_group,
    chunked,
    heads,
    listed,
    vanishes,
)
from pgqueue.canvas.records import become
from pgqueue.identifiers import job_id, uuid7

#: The task of a job that never runs: it becomes the list of its parents' results.
JOIN = "pgqueue.join"

#: Options of a canvas that are not its pieces'.
_OF_THE_WHOLE = ("link", "link_error", "task_id")
_TIMES = ("countdown", "eta")


class _Marks(NamedTuple):
    """What the jobs at the end of a group's member note: the group, and which of how many."""

    group: UUID
    numbers: list[int]

    def next(self) -> dict[str, Any]:
        self.numbers[0] += 1
        return {"group": str(self.group), "group_index": self.numbers[0] - 1}


class _At(NamedTuple):
    """What a piece is laid out with: what it begins with, its options, and what is around it."""

    feed: Feed
    options: Mapping[str, Any] = {}
    errbacks: tuple[Errback, ...] = ()
    marks: _Marks | None = None
    #: The result of what came before.
    above: Shape | None = None
    path: Path = ()

    def inner(self, *names: str) -> dict[str, Any]:
        """Return the options for what the piece is made of, without those of these names."""
        return {k: v for k, v in self.options.items() if k not in names and k not in _OF_THE_WHOLE}


@dataclass(slots=True)
class Layout(Drafts):
    """A canvas laid out: its jobs to be, the edges between them, how it ends, and its result."""

    feed: Feed = Feed()  # noqa: RUF009 (an immutable tuple)
    shape: Shape | None = None

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
        draft = Draft(id_, node, feed, args, kwargs, options, at.path)
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
        self._drafts[id_] = Draft(id_, node, feed.only_waiting(), (), {}, {}, path)
        self.edges += become(feed.waits, id_, many=True)
        return feed._replace(ids=(id_,), many=False) if feed.ids else feed._replace(after=(id_,))

    # ── jobs and edges ───────────────────────────────────────────────────────────────────────

    def _note_chord(self, header: Feed, body: Shape) -> None:
        for id_ in header.ids:
            if notes := self._drafts[id_].notes:
                notes["chord"] = str(body.id)


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
