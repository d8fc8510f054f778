"""A task for each item of a list: in one job, or so many items to a job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack, cast

from pgqueue.canvas.grouped import CalledAsGroup
from pgqueue.canvas.kinds import group
from pgqueue.canvas.nodes import chunked
from pgqueue.canvas.results import GroupResult
from pgqueue.canvas.signature import Signature
from pgqueue.describe import shortened
from pgqueue.errors import InvalidCall
from pgqueue.options import Options


class _Repeated(Signature[Any]):
    """What they have in common: the signature of the task, and the items, which are read once."""

    def __init__(
        self, task: Signature[Any], it: Iterable[Any], *, app: Any = None, **options: Any
    ) -> None:
        name = f"pgqueue.{str(self.kind).removeprefix('x')}"
        said = {"task": task, "it": list(it)}
        super().__init__(name, (), said, options, immutable=True, app=app)

    def __repr__(self) -> str:
        return f"{self['kwargs']['task']!r}.{str(self.kind).removeprefix('x')}({self._items()})"

    def _items(self) -> str:
        return shortened(self["kwargs"]["it"])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Enqueue it."""
        return self.apply_async(args, kwargs)

    def _pieces(self) -> Iterable[Signature[Any]]:
        return [self["kwargs"]["task"]]

    def _freeze(self, id_: object = None) -> None:
        Signature._freeze(self, id_)
        self["kwargs"]["task"]["options"].pop("task_id", None)

    def _revived(self, kwargs: Mapping[str, Any], app: Any) -> Mapping[str, Any]:
        return {**kwargs, "task": Signature.from_dict(kwargs["task"], app)}

    def _copied_kwargs(self) -> dict[str, Any]:
        return {**self["kwargs"], "task": self["kwargs"]["task"].clone()}


class xmap(_Repeated, kind="xmap"):  # noqa: N801 (Celery's name)
    """One job that calls a task with each item, one after the other; made by `Task.map`.

    Its result is the list of the task's.
    """


class xstarmap(_Repeated, kind="xstarmap"):  # noqa: N801 (Celery's name)
    """One job that calls a task with the arguments of each item; made by `Task.starmap`."""


class chunks(_Repeated, CalledAsGroup, kind="chunks"):  # noqa: N801 (Celery's name)
    """Items in parts of n, a job for each; made by `Task.chunks`.

    Called, it returns a `GroupResult`: a list of results for each part.
    """

    def __init__(
        self, task: Signature[Any], it: Iterable[Any], n: int, *, app: Any = None, **options: Any
    ) -> None:
        if not isinstance(n, int) or n < 1:
            raise InvalidCall(f"chunks: n={n!r}: give the number of items to a job, 1 or more")
        super().__init__(task, it, app=app, **options)
        self["kwargs"]["n"] = n

    def _items(self) -> str:
        return f"{super()._items()}, {self['kwargs']['n']}"

    @property
    def tasks(self) -> list[Signature[Any]]:
        """The starmaps that it is made of."""
        return self.group().tasks

    def group(self) -> group:
        """Return the group of starmaps that it is."""
        tasks: Sequence[Mapping[str, Any]] = chunked(self)["kwargs"]["tasks"]
        made = group(*(Signature.from_dict(each) for each in tasks), app=self._app)
        made.set(**cast(Options, self["options"]))
        return made

    def _freeze(self, id_: object = None) -> None:
        del id_
        raise InvalidCall(f"{self!r}: freeze its group(), whose ids are then chosen")

    @classmethod
    def apply_chunks(
        cls, task: Signature[Any], it: Iterable[Any], n: int, **options: Unpack[Options]
    ) -> GroupResult:
        """Enqueue a task for items, n to a job."""
        return cls(task, it, n).apply_async(**options)
