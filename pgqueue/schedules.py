"""What an application declares to be enqueued when, as values: see `PgQueue.add_periodic_task`.

`crontab`, `schedule` and `solar` say when, and so do texts: `"*/5 * * * *"`, `"every 30 seconds"`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Protocol, TypeAlias, TypedDict

from pgqueue.canvas.drafts import Maker
from pgqueue.cron import crontab
from pgqueue.errors import ConfigurationError, InvalidOption, PgQueueError
from pgqueue.misspelt import did_you_mean, nearest
from pgqueue.options import checked_name, new_job
from pgqueue.rows import Declaration, NewJob
from pgqueue.settings import Settings
from pgqueue.sun import solar
from pgqueue.ticks import checked_text, schedule, zone_named

__all__ = ["ScheduleOptions", "crontab", "declarations", "declared", "schedule", "solar"]

When: TypeAlias = "crontab | schedule | solar | timedelta | float | str"

OVERLAPS = ("allow", "skip", "queue", "replace")
#: The name of an application that was given none.
UNNAMED = "pgqueue"
#: So many times at most are made up for.
MOST = 1000

_KNOWN = (
    *("task", "schedule", "args", "kwargs", "options", "relative"),
    *("timezone", "catch_up", "overlap"),
)
_TIMES = ("countdown", "eta", "task_id")


class ScheduleOptions(TypedDict, total=False):
    """What a schedule is declared with, besides what is enqueued, and when.

    `timezone`: whose clock counts, by its name; else the setting `timezone`. `catch_up`: how many
    jobs make up for times that were missed while no scheduler ran: 1 unless given, 0 for none.
    `overlap`: what to do at a time when the last job has not ended: `"allow"` another one, `"skip"`
    this time, `"queue"` one behind it, `"replace"` it.
    """

    timezone: str | tzinfo | None
    catch_up: int
    overlap: str


class Application(Protocol):
    """What declares schedules."""

    @property
    def conf(self) -> Settings:
        """Its settings."""
        ...

    @property
    def tasks(self) -> Mapping[str, Any]:
        """Its tasks by name."""
        ...


def declarations(
    app: Application, entries: Mapping[str, Any], added: Mapping[str, Any] | None = None
) -> list[Declaration]:
    """Return what the entries of a `beat_schedule` mean, and those that the code has added besides.

    Raises an error that names the entry.
    """
    added, found = added or {}, []
    for name, entry in {**entries, **added}.items():
        try:
            found.append(declared(app, name, entry))
        except PgQueueError as error:
            place = f"schedule {name!r}" if name in added else f"beat_schedule[{name!r}]"
            raise ConfigurationError(f"{place}: {error}") from error
    return found


def strangers(app: Application, declared: Iterable[Declaration]) -> list[str]:
    """Return what is to be said of schedules whose task the application does not know."""
    return [
        f"schedule {each.name}: no task is named {each.task} here, so its jobs wait for "
        f"another application's workers{did_you_mean(each.task, app.tasks)}"
        for each in declared
        if each.task not in app.tasks
    ]


def declared(app: Application, name: str, entry: Mapping[str, Any]) -> Declaration:
    """Return what one entry means, checked.

    >>> from pgqueue import PgQueue
    >>> entry = {"task": "shop.tidy", "schedule": crontab(minute=0), "options": {"queue": "slow"}}
    >>> declared(PgQueue("shop"), "tidy", entry)[:4]
    ('tidy', 'shop.tidy', '0 * * * *', 'UTC')
    """
    checked_name("name", name)
    _refuse_unknown(entry)
    options = dict(entry.get("options") or {})
    job = _job(app, entry, options)
    given = entry["schedule"]
    if entry.get("relative") and isinstance(given, (int, float, timedelta)):
        given = schedule(given, relative=True)
    return Declaration(
        name,
        job.task,
        checked_text(given),
        zone_name(entry.get("timezone") or app.conf.zone),
        job.args,
        job.kwargs,
        job.queue,
        job.priority,
        job.expires_in,
        job.max_attempts,
        job.headers,
        checked_catch_up(entry.get("catch_up", 1)),
        checked_overlap(entry.get("overlap", "allow")),
    )


def as_json(declared: Iterable[Declaration]) -> str:
    """Return declarations as the database reads them; their values are JSON already."""
    return json.dumps(
        [
            {
                **each._asdict(),
                **{
                    name: None if text is None else json.loads(text)
                    for name, text in (
                        ("args", each.args),
                        ("kwargs", each.kwargs),
                        ("headers", each.headers),
                    )
                },
            }
            for each in sorted(declared)
        ]
    )


def source_of(app: str, spec: str) -> str:
    """Return whose an application's schedules are: its name, or its module's if it has none.

    >>> source_of("shop", "proj.celery:app"), source_of("pgqueue", "proj.celery:app")
    ('shop', 'proj.celery')
    """
    return spec.partition(":")[0] if app == UNNAMED else app


def zone_name(zone: str | tzinfo) -> str:
    """Return the name of a time zone, which must have one.

    >>> zone_name(UTC), zone_name("Europe/Oslo")
    ('UTC', 'Europe/Oslo')
    """
    name = "UTC" if zone is UTC else zone if isinstance(zone, str) else getattr(zone, "key", None)
    if not isinstance(name, str):
        raise ConfigurationError(
            f"timezone {zone}: the clock of a schedule needs a zone with a name: set timezone to "
            "one such as 'Europe/Oslo'"
        )
    zone_named(name)
    return name


def checked_catch_up(value: object) -> int:
    """Return how many missed times are made up for, if it is such a number."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
        return value
    raise ConfigurationError(
        f"catch_up={value!r}: give how many missed times are made up for, 0 to {MOST}"
    )


def checked_overlap(value: object) -> str:
    """Return what to do while the last job has not ended, if it is known."""
    if isinstance(value, str) and value in OVERLAPS:
        return value
    raise ConfigurationError(f"overlap={value!r}: give one of {', '.join(OVERLAPS)}")


def _refuse_unknown(entry: Mapping[str, Any]) -> None:
    if not isinstance(entry, Mapping):
        raise ConfigurationError(f"{entry!r}: give a dict with task and schedule")
    for name in entry.keys() - set(_KNOWN):
        near = nearest(str(name), _KNOWN)
        hint = f"did you mean {near!r}?" if near else "there are: " + ", ".join(_KNOWN)
        raise ConfigurationError(f"{name!r} is not a part of a schedule; {hint}")
    for name in ("task", "schedule"):
        if entry.get(name) is None:
            raise ConfigurationError(f"there is no {name!r}: give a dict with task and schedule")


def _job(app: Application, entry: Mapping[str, Any], options: Mapping[str, Any]) -> NewJob:
    for name in _TIMES:
        if options.get(name) is not None:
            raise InvalidOption(f"{name}= is not an option of a schedule, which has many jobs")
    if isinstance(options.get("expires"), (datetime, str)):
        raise InvalidOption("expires= of a schedule: give seconds, after each of its times")
    args: Sequence[Any] = tuple(entry.get("args") or ())
    kwargs: Mapping[str, Any] = dict(entry.get("kwargs") or {})
    name = entry["task"]
    task: Maker | None = app.tasks.get(name)
    if task is not None:
        return task.job(args, kwargs, options)
    return new_job(name, args, kwargs, app.conf.routed(name, args, kwargs, options))
