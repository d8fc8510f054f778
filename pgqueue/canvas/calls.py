"""How a signature is called: enqueued, or run here and now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar, Unpack, cast

from pgqueue.canvas.drafts import Maker
from pgqueue.canvas.feeds import Context
from pgqueue.canvas.layout import Layout, laid_out
from pgqueue.canvas.sending import aapply, apply, asend, send
from pgqueue.errors import InvalidCall
from pgqueue.options import Options
from pgqueue.result import AsyncResult
from pgqueue.rows import NewJob

R = TypeVar("R")


class Callee(Maker, Protocol):
    """What a signature calls: a task."""

    @property
    def name(self) -> str:
        """The name that it is registered under."""
        ...

    @property
    def app(self) -> Any:
        """The application that it is registered with."""
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


class Calls(dict[str, Any], Generic[R]):
    """The half of a signature that makes the call."""

    @property
    def type(self) -> Callee:
        """The task."""
        raise NotImplementedError

    @property
    def app(self) -> Any:
        """The application that it is sent with."""
        raise NotImplementedError

    def _callee(self) -> Callee | None:
        """Return the task, None if it is not registered here."""
        raise NotImplementedError

    def _known_app(self) -> Any:
        """Return the application, None if there is none."""
        raise NotImplementedError

    def _layout(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any] | None,
        options: Mapping[str, Any],
        context: Context | None = None,
    ) -> Layout:
        """Return the layout of the call."""
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task here and now, without a job."""
        all_args, all_kwargs, _ = self._merged(args, kwargs, {})
        return cast(Any, self.type)(*all_args, **all_kwargs)

    def __invert__(self) -> R:
        """Enqueue, and wait for the result: `~signature`."""
        return self.apply_async().get()

    def delay(self, *args: Any, **kwargs: Any) -> AsyncResult[R]:
        """Enqueue, with these arguments besides."""
        return self.apply_async(args, kwargs)

    async def adelay(self, *args: Any, **kwargs: Any) -> AsyncResult[R]:
        """Enqueue, from a coroutine."""
        return await self.aapply_async(args, kwargs)

    def apply_async(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> AsyncResult[R]:
        """Enqueue with more arguments and options; `connection` as in `Task.using`.

        Everything is checked before anything is sent, and an error names the place in the canvas.
        All jobs of a canvas are sent at once, in the caller's transaction if there is one. In a
        chain the options are its first task's, but `link` and `task_id` its last one's; in a group
        and in a chord they are every task's, but `countdown` and `eta` not the body's.
        """
        if self._is_plain(options):
            all_args, all_kwargs, merged = self._merged(args, kwargs, options)
            if task := self._callee():
                return task.apply_async(all_args, all_kwargs, connection=connection, **merged)
            send_task: Any = self.app.send_task
            return cast(
                AsyncResult[R],
                send_task(self["task"], all_args, all_kwargs, connection=connection, **merged),
            )
        layout = self._layout(args, kwargs, options)
        sent = send(self._sender(layout), layout, connection)
        return cast(AsyncResult[R], sent)

    async def aapply_async(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        connection: Any = None,
        **options: Unpack[Options],
    ) -> AsyncResult[R]:
        """Enqueue like `apply_async`, from a coroutine."""
        if self._is_plain(options):
            all_args, all_kwargs, merged = self._merged(args, kwargs, options)
            if task := self._callee():
                return await task.aapply_async(
                    all_args, all_kwargs, connection=connection, **merged
                )
            send_task: Any = self.app.asend_task
            return cast(
                AsyncResult[R],
                await send_task(
                    self["task"], all_args, all_kwargs, connection=connection, **merged
                ),
            )
        layout = self._layout(args, kwargs, options)
        sent = await asend(self._sender(layout), layout, connection)
        return cast(AsyncResult[R], sent)

    def apply(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        throw: bool | None = None,
        **options: Unpack[Options],
    ) -> AsyncResult[R]:
        """Call it here and now, without a database; see `Task.apply`.

        The tasks of a canvas are run one after the other.
        """
        layout = self._layout(args, kwargs, options)
        return cast(AsyncResult[R], apply(self._sender(layout), layout, throw))

    async def aapply(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        throw: bool | None = None,
        **options: Unpack[Options],
    ) -> AsyncResult[R]:
        """Call it here and now, on the running event loop."""
        layout = self._layout(args, kwargs, options)
        return cast(AsyncResult[R], await aapply(self._sender(layout), layout, throw))

    def job(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        options: Options | None = None,
    ) -> NewJob:
        """Return the job that the call means, checked, without enqueueing it."""
        if not self._is_plain(options or {}):
            raise InvalidCall(
                f"{self!r} means several jobs: send it by itself, with delay() or apply_async()"
            )
        all_args, all_kwargs, merged = self._merged(args, kwargs, options or {})
        if task := self._callee():
            return task.job(all_args, all_kwargs, merged)
        layout = laid_out(self, args, kwargs, options)
        return layout.jobs()[0]

    def _is_plain(self, options: Mapping[str, Any]) -> bool:
        """Return whether it means one job that nothing follows."""
        if self["subtask_type"]:
            return False
        own = self["options"]
        return not any(each.get(n) for each in (own, options) for n in ("link", "link_error"))

    def _sender(self, layout: Layout) -> Any:
        return self._known_app() if layout.is_empty else self.app

    def _merged(
        self, args: Sequence[Any], kwargs: Mapping[str, Any] | None, options: Options
    ) -> tuple[tuple[Any, ...], dict[str, Any], Options]:
        merged = cast(Options, {**self["options"], **options})
        for name in ("link", "link_error"):
            merged.pop(name, None)  # type: ignore[misc] # (they are empty)
        if self["immutable"]:
            return self["args"], self["kwargs"], merged
        return (*args, *self["args"]), {**self["kwargs"], **(kwargs or {})}, merged
