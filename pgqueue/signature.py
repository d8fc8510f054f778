"""A call that is not made yet, as a value: the task, its arguments and options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar, Unpack

from pgqueue.options import Options
from pgqueue.result import AsyncResult
from pgqueue.rows import NewJob

R = TypeVar("R")


class Callee(Protocol):
    """What a signature calls: a task."""

    @property
    def name(self) -> str:
        """The name that it is registered under."""
        ...

    def job(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], options: Mapping[str, Any]
    ) -> NewJob:
        """Return the job that a call means."""
        ...

    def apply_async(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> AsyncResult[Any]:
        """Enqueue a job."""
        ...

    async def aapply_async(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> AsyncResult[Any]:
        """Enqueue a job, from a coroutine."""
        ...


class Signature(dict[str, Any], Generic[R]):
    """A task with arguments and options, to be enqueued later; made by `Task.s` and `Task.si`.

    A dict of `task, args, kwargs, options, immutable`. Arguments that are given later come before
    those of the signature, keywords beside them; an immutable signature takes none.

    >>> from pgqueue import PgQueue
    >>> @PgQueue("shop").task
    ... def charge(amount: int, currency: str) -> None: ...
    >>> signature = charge.s("EUR").set(queue="billing")
    >>> signature.job([5]).args, signature.job([5]).queue
    ('[5,"EUR"]', 'billing')
    """

    def __init__(
        self,
        task: Callee,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        *,
        immutable: bool = False,
    ) -> None:
        super().__init__(
            task=task.name,
            args=tuple(args),
            kwargs=dict(kwargs or {}),
            options=dict(options or {}),
            immutable=immutable,
        )
        self._task = task

    def __repr__(self) -> str:
        given = [repr(each) for each in self["args"]]
        given += [f"{name}={value!r}" for name, value in self["kwargs"].items()]
        return f"{self['task']}({', '.join(given)})"

    def set(self, **options: Unpack[Options]) -> Signature[R]:
        """Put options in, beside and instead of those that are there; return the signature."""
        self["options"].update(options)
        return self

    def clone(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[Options],
    ) -> Signature[R]:
        """Return a copy with more arguments and options."""
        all_args, all_kwargs, all_options = self._merged(args, kwargs, options)
        return Signature(self._task, all_args, all_kwargs, all_options, immutable=self["immutable"])

    def delay(self, *args: Any, **kwargs: Any) -> AsyncResult[R]:
        """Enqueue a job, with these arguments besides."""
        return self.apply_async(args, kwargs)

    async def adelay(self, *args: Any, **kwargs: Any) -> AsyncResult[R]:
        """Enqueue a job, from a coroutine."""
        return await self.aapply_async(args, kwargs)

    def apply_async(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> AsyncResult[R]:
        """Enqueue a job with more arguments and options; `connection` as in `Task.using`."""
        all_args, all_kwargs, all_options = self._merged(args, kwargs, options)
        return self._task.apply_async(all_args, all_kwargs, connection=connection, **all_options)

    async def aapply_async(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> AsyncResult[R]:
        """Enqueue a job like `apply_async`, from a coroutine."""
        all_args, all_kwargs, all_options = self._merged(args, kwargs, options)
        return await self._task.aapply_async(
            all_args, all_kwargs, connection=connection, **all_options
        )

    def job(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        options: Options | None = None,
    ) -> NewJob:
        """Return the job that the call means, checked, without enqueueing it."""
        return self._task.job(*self._merged(args, kwargs, options or {}))

    def _merged(
        self, args: Sequence[Any], kwargs: Mapping[str, Any] | None, options: Options
    ) -> tuple[tuple[Any, ...], dict[str, Any], Options]:
        merged: Options = {**self["options"], **options}
        if self["immutable"]:
            return self["args"], self["kwargs"], merged
        return (*args, *self["args"]), {**self["kwargs"], **(kwargs or {})}, merged
