"""Signatures of signatures: chain, group and chord."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack, cast

from pgqueue.canvas.grouped import CalledAsGroup
from pgqueue.canvas.nodes import vanishes
from pgqueue.canvas.signature import Signature, of_any
from pgqueue.errors import InvalidCall
from pgqueue.options import Options
from pgqueue.result import AsyncResult

#: So many pieces are shown by `repr`.
SHOWN = 8


class _Many(Signature[Any]):
    """What chains and groups have in common: `tasks`."""

    def __init__(self, *tasks: Any, app: Any = None, **options: Any) -> None:
        kind = str(self.kind)
        super().__init__(f"pgqueue.{kind}", options=options, app=app)
        self["kwargs"]["tasks"] = pieces(tasks, kind)

    def __repr__(self) -> str:
        first = [repr(each) for each in self.tasks[:SHOWN]]
        more = len(self.tasks) - len(first)
        return f"{self.kind}({', '.join([*first, *([f'… {more:,} more'] if more else [])])})"

    def __len__(self) -> int:
        return len(self.tasks)

    def __bool__(self) -> bool:  # else JSON would take an empty group for an empty dict
        return True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Enqueue it; the arguments go to its first tasks."""
        return self.apply_async(args, kwargs)

    @property
    def tasks(self) -> list[Signature[Any]]:
        """The signatures that it is made of."""
        return cast(list[Signature[Any]], self["kwargs"]["tasks"])

    @tasks.setter
    def tasks(self, tasks: Iterable[Any]) -> None:
        self["kwargs"]["tasks"] = pieces((tasks,), str(self.kind))

    def _pieces(self) -> Iterable[Signature[Any]]:
        return self.tasks

    def _revived(self, kwargs: Mapping[str, Any], app: Any) -> Mapping[str, Any]:
        tasks = [Signature.from_dict(each, app) for each in kwargs.get("tasks", ())]
        return {**kwargs, "tasks": tasks}

    def _copied_kwargs(self) -> dict[str, Any]:
        return {**self["kwargs"], "tasks": [each.clone() for each in self.tasks]}

    def _take(self, kwargs: Mapping[str, Any]) -> None:
        if kwargs:
            self["kwargs"]["kwargs"] = {**self["kwargs"].get("kwargs", {}), **kwargs}


class chain(_Many, kind="chain"):  # noqa: N801 (Celery's name)
    """Signatures one after the other: each gets the result of the one before it.

    `chain(a, b, c)`, `chain([a, b, c])` or `a | b | c`. Called, it returns the handle of its last
    task, whose `parent` is that of the one before. When one fails, those after it fail with the
    same error, without having run.

    >>> from pgqueue import PgQueue
    >>> @PgQueue("shop").task
    ... def add(x: int, y: int) -> int: return x + y
    >>> (chain(add.s(2, 2), add.s(4)) | add.s(8)).apply().get()
    16
    """

    def __init__(self, *tasks: Any, app: Any = None, **options: Any) -> None:
        super().__init__(*tasks, app=app, **options)
        self["kwargs"]["tasks"] = [step for each in self.tasks for step in each._steps()]

    def _steps(self) -> list[Signature[Any]]:
        whole = self["immutable"] or self["options"] or self["args"] or "kwargs" in self["kwargs"]
        return [self] if whole else self.tasks

    @property
    def id(self) -> str | None:
        """The id that the call of its last task will have, if it was frozen; else None."""
        return super().id or (self.tasks[-1].id if self.tasks else None)

    def _freeze(self, id_: object = None) -> None:
        left = [each for each in self.tasks if not vanishes(each)]
        for each in left:
            each._freeze(id_ or self["options"].pop("task_id", None) if each is left[-1] else None)


class group(CalledAsGroup, _Many, kind="group"):  # noqa: N801 (Celery's name)
    """Signatures side by side: `group(a, b)`, `group([a, b])` or `group(a.s(i) for i in …)`.

    Called, it returns a `GroupResult`, in the order of the signatures; groups in it are members of
    it. A group before anything is a chord: `group(a, b) | c` calls c with the list of results. In a
    chain a group of one task is that task, and hands on its result, not a list of it.

    >>> from pgqueue import PgQueue
    >>> @PgQueue("shop").task
    ... def add(x: int, y: int) -> int: return x + y
    >>> group(add.s(i, i) for i in range(3)).apply().get()
    [0, 2, 4]
    """

    def _then(self, other: Signature[Any]) -> Signature[Any]:
        return chord(self, body=other)

    def _steps(self) -> list[Signature[Any]]:
        """Return what it is in a chain: a group of one task is that task, as in Celery."""
        whole = self["immutable"] or self["options"] or self["args"] or "kwargs" in self["kwargs"]
        return [self] if whole or len(self.tasks) != 1 else self.tasks[0]._steps()

    def skew(self, start: float = 1.0, stop: float | None = None, step: float = 1.0) -> group:
        """Give the members countdowns: `start` seconds, `step` more for each, from `stop` again."""
        delay = start
        for each in self.tasks:
            each.set(countdown=delay)
            delay += step
            if stop is not None and delay >= stop:
                delay = start
        return self


class chord(Signature[Any], kind="chord"):  # noqa: N801 (Celery's name)
    """A header, signatures side by side, and a body that is called with the list of their results.

    `chord(header, body)` or `chord(header)(body)`. Called, it returns the handle of the body, whose
    `parent` is the header's `GroupResult`. When a task of the header fails, the body fails with
    `ChordError`, without having run, and its errbacks are called.
    """

    def __init__(
        self,
        header: Any,
        body: Any = None,
        *,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        app: Any = None,
        **options: Any,
    ) -> None:
        super().__init__("pgqueue.chord", args, {}, options, app=app)
        if not (isinstance(header, Mapping) and header.get("subtask_type") in ("group", "chunks")):
            header = group(*pieces((header,), "chord, header"))
        self["kwargs"].update(
            header=of_any(header, "chord, header"),
            body=None if body is None else of_any(body, "chord, body"),
        )
        self._take(kwargs or {})

    def __repr__(self) -> str:
        return f"chord({self['kwargs']['header']!r}, {self.body!r})"

    def __call__(self, body: Any = None, **options: Any) -> Any:
        """Enqueue it, with this body."""
        found = self if body is None else self.clone()
        if body is not None:
            found["kwargs"]["body"] = of_any(body, "chord, body")
        return found.apply_async(**options)

    @property
    def tasks(self) -> list[Signature[Any]]:
        """The signatures of the header."""
        return cast(list[Signature[Any]], self["kwargs"]["header"].tasks)

    @property
    def body(self) -> Signature[Any]:
        """The signature of the body."""
        return cast(Signature[Any], self["kwargs"]["body"])

    @body.setter
    def body(self, body: Any) -> None:
        self["kwargs"]["body"] = of_any(body, "chord, body")

    def apply_async(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> AsyncResult[Any]:
        """Enqueue it; the arguments go to the tasks of the header."""
        found, kwargs = self._with_body(kwargs)
        return super(chord, found).apply_async(args, kwargs, connection=connection, **options)

    async def aapply_async(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> AsyncResult[Any]:
        """Enqueue it like `apply_async`, from a coroutine."""
        found, kwargs = self._with_body(kwargs)
        return await super(chord, found).aapply_async(
            args, kwargs, connection=connection, **options
        )

    def _with_body(self, kwargs: Mapping[str, Any] | None) -> tuple[chord, Mapping[str, Any]]:
        kwargs, found = dict(kwargs or {}), self
        if "body" in kwargs:
            found = self.clone()
            found.body = kwargs.pop("body")
        if found.body is None:
            raise InvalidCall(f"{self!r} has no body: chord(header, body), or chord(header)(body)")
        return found, kwargs

    def _then(self, other: Signature[Any]) -> Signature[Any]:
        found = self.clone()
        found.body = found.body | other
        return found

    @property
    def id(self) -> str | None:
        """The id that the call of the body will have, if it was frozen; else None."""
        return super().id or (self.body.id if self.body is not None else None)

    def _freeze(self, id_: object = None) -> None:
        found, _ = self._with_body(None)
        found["kwargs"]["header"]._freeze()
        found.body._freeze(id_ or self["options"].pop("task_id", None))

    def _pieces(self) -> Iterable[Signature[Any]]:
        return [each for each in (self["kwargs"]["header"], self.body) if each is not None]

    def _revived(self, kwargs: Mapping[str, Any], app: Any) -> Mapping[str, Any]:
        header, body = kwargs["header"], kwargs.get("body")
        if not isinstance(header, Mapping):
            header = group(*(Signature.from_dict(each, app) for each in header))
        return {
            **kwargs,
            "header": Signature.from_dict(header, app),
            "body": None if body is None else Signature.from_dict(body, app),
        }

    def _copied_kwargs(self) -> dict[str, Any]:
        body = self.body
        return {
            **self["kwargs"],
            "header": self["kwargs"]["header"].clone(),
            "body": None if body is None else body.clone(),
        }

    def _take(self, kwargs: Mapping[str, Any]) -> None:
        if kwargs:
            self["kwargs"]["kwargs"] = {**self["kwargs"].get("kwargs", {}), **kwargs}


def pieces(given: tuple[Any, ...], place: str) -> list[Signature[Any]]:
    """Return signatures that are given one by one, or as one iterable, which is read once."""
    if len(given) == 1 and not isinstance(given[0], Mapping) and hasattr(given[0], "__iter__"):
        given = tuple(given[0])
    return [of_any(each, f"{place}, task {number}") for number, each in enumerate(given, 1)]
