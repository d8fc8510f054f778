"""How an application declares what is to be enqueued when."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, cast

from pgqueue.canvas.signature import Signature
from pgqueue.errors import ConfigurationError
from pgqueue.options import MAX_NAME_BYTES
from pgqueue.rows import Declaration
from pgqueue.schedules import ScheduleOptions, When, declarations
from pgqueue.task import Task
from pgqueue.ticks import checked_text


class Periodic:
    """The part of an application that declares schedules."""

    _periodic: dict[str, dict[str, Any]]

    def add_periodic_task(
        self,
        schedule: When,
        sig: Signature[Any] | Task[Any, Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        name: str | None = None,
        **options: Any,
    ) -> str:
        """Have a call enqueued at each time of a schedule; return the schedule's name.

        `schedule`: seconds, a `timedelta`, `crontab(…)`, or a text such as `"*/5 * * * *"`. `name`:
        else what the call looks like. The options are those of `apply_async` that mean something
        for many jobs, and those of `ScheduleOptions`. Workers learn of it when they start, so it is
        said when a module is imported, or by a receiver of `on_after_configure`.

        >>> from pgqueue import PgQueue
        >>> app = PgQueue("shop")
        >>> @app.task(name="shop.tidy")
        ... def tidy(days: int) -> None: ...
        >>> app.add_periodic_task("0 3 * * *", tidy.s(7), timezone="Europe/Oslo", queue="slow")
        'shop.tidy(7)'
        """
        call = sig if isinstance(sig, Signature) else sig.s()
        if call.subtask_type is not None:
            raise ConfigurationError(
                f"{call!r} means several jobs, and a schedule enqueues one: have it call a task "
                "that sends this"
            )
        call = call.clone(args, kwargs)
        ours = {key: options.pop(key) for key in ScheduleOptions.__annotations__ if key in options}
        key = name or _looks(call)
        checked_text(schedule)
        self._periodic[key] = {
            "task": call.task,
            "schedule": schedule,
            "args": call.args,
            "kwargs": call.kwargs,
            "relative": options.pop("relative", False),
            "options": {**call.options, **options},
            **ours,
        }
        return key

    def periodic_task(
        self,
        run_every: When,
        *,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        timezone: str | tzinfo | None = None,
        catch_up: int = 1,
        overlap: str = "allow",
        **options: Any,
    ) -> Callable[[Callable[..., Any]], Task[Any, Any]]:
        """Register a function as a task, with `options` as in `@app.task`, and have it run on time.

        The schedule has the name of the task.

        >>> from pgqueue import PgQueue
        >>> app = PgQueue("shop")
        >>> @app.periodic_task("*/15 * * * *", overlap="skip", name="shop.count")
        ... def count() -> None: ...
        >>> [each.name for each in app.schedules()]
        ['shop.count']
        """

        def register(function: Callable[..., Any]) -> Task[Any, Any]:
            task = (
                function
                if isinstance(function, Task)
                else cast(Any, self).task(**options)(function)
            )
            ours = {"timezone": timezone, "catch_up": catch_up, "overlap": overlap}
            self.add_periodic_task(run_every, task, args, kwargs, name=task.name, **ours)
            return task

        return register

    def schedules(self) -> list[Declaration]:
        """Return what is declared by `beat_schedule`, `add_periodic_task` and `periodic_task`."""
        app = cast(Any, self)
        return declarations(app, app.conf.beat_schedule or {}, self._periodic)


def _looks(call: Signature[Any]) -> str:
    """Return what a call looks like, as the name of its schedule: the same for the same call."""
    text = repr(call)
    if len(text.encode("utf-8", "replace")) <= MAX_NAME_BYTES:
        return text
    return f"{call.task[:100]} {hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"
