"""`app.conf`: what each setting is, whoever says it."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from copy import copy
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from pgqueue.errors import ConfigurationError
from pgqueue.options import said
from pgqueue.settings.names import canonical, nearest
from pgqueue.settings.routing import Routes
from pgqueue.settings.sources import (
    Found,
    from_environment,
    from_mapping,
    from_object,
    from_project,
)
from pgqueue.settings.table import SETTINGS
from pgqueue.settings.values import zone

_UNSET: Any = object()


class ConfigurationWarning(UserWarning):
    """A setting or an option is known to Celery and means nothing here, or something else."""


class Settings(MutableMapping[str, Any]):
    """The settings of an application, by attribute or by item, under new names or old.

    What is said later in this list wins: the defaults, `[tool.pgqueue]` of pyproject.toml,
    `config_from_object` or `config_from_envvar`, variables `PGQUEUE_*`, and what the code says by
    `app.conf.x = …`, `update(…)` or a keyword of `PgQueue`. All but the last are read when the
    first setting is asked for. Raises `ConfigurationError` for a name that is none.

    >>> conf = Settings(read_places=False)
    >>> conf.task_default_queue = "shop"
    >>> conf["CELERY_DEFAULT_QUEUE"], conf.worker_concurrency
    ('shop', None)
    """

    def __init__(self, *, read_places: bool = True) -> None:
        self._lock = threading.RLock()
        self._read_places = read_places
        self._source: Callable[[], Found] | None = None
        self._said: dict[str, Any] = {}
        self._own: dict[str, Any] = {}
        #: Its own, because code may add to one: `app.conf.beat_schedule["x"] = …`.
        self._defaults = {name: copy(setting.default) for name, setting in SETTINGS.items()}
        self._values: dict[str, Any] | None = None
        self._loading = False
        self._routes: tuple[int, Routes] | None = None
        #: Higher after every change.
        self.version = 0
        #: What was said in warnings.
        self.remarks: list[str] = []

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(*error.args) from None

    def __getitem__(self, name: str) -> Any:
        values = self._values
        if values is None:
            values = self._load()
        try:
            return values[name]
        except KeyError:
            pass
        known = canonical(name)
        if known:
            return values[known]
        near = nearest(name)
        hint = f"; did you mean {near!r}?" if near else ""
        raise KeyError(f"app.conf has no {name!r}{hint}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())

    def __contains__(self, name: object) -> bool:
        return name in self._load() or (isinstance(name, str) and canonical(name) is not None)

    def __repr__(self) -> str:
        return f"<settings: {self.changed()}>"

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *SETTINGS, *self._own]

    def changed(self) -> dict[str, Any]:
        """Return the settings that are not as they are by default, by their names.

        >>> conf = Settings(read_places=False)
        >>> conf.update(task_default_queue="shop", task_ignore_result=False)
        >>> conf.changed()
        {'task_default_queue': 'shop'}
        """
        return {
            name: value
            for name, value in self._load().items()
            if name not in SETTINGS or value != SETTINGS[name].default
        }

    @property
    def zone(self) -> tzinfo:
        """The time zone of what says none: `timezone`, else UTC, or local without `enable_utc`."""
        if self.timezone is not None:
            return zone(self.timezone)
        local = datetime.now().astimezone().tzinfo
        return UTC if self.enable_utc or local is None else local

    @property
    def routes(self) -> Routes:
        """What `task_routes` says."""
        cached = self._routes
        if cached is None or cached[0] != self.version:
            cached = self._routes = (self.version, Routes(self.task_routes))
        return cached[1]

    def routed(
        self, name: str, args: Any, kwargs: Any, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the options of a call by name, with what routes and defaults say besides."""
        floor = {"queue": self.task_default_queue, "priority": self.task_default_priority or 0}
        return said({**floor, **self.routes.route(name, args, kwargs, options)}, options)

    # ── saying ───────────────────────────────────────────────────────────────────────────────

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _ATTRIBUTES:
            super().__setattr__(name, value)
        else:
            self.update({name: value})

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __delitem__(self, name: str) -> None:
        """Forget what the code said of a setting."""
        with self._lock:
            for said in (self._said, self._own):
                said.pop(canonical(name) or name, None)
            self._forget()

    def update(self, *given: Any, **settings: Any) -> None:
        """Set many at once, all of them or none: from a mapping, and by keywords."""
        found = from_mapping(dict(*given, **settings))
        with self._lock:
            self._said.update(found.settings)
            self._own.update(found.own)
            self._forget()

    def add_source(
        self, source: Any, *, namespace: str | None = None, silent: bool = False
    ) -> None:
        """Read these settings when the first one is asked for; see `config_from_object`."""

        def read() -> Found:
            try:
                return from_object(source, namespace)
            except (ConfigurationError, ImportError):
                if silent and isinstance(source, str):
                    return Found()
                raise

        with self._lock:
            self._source = read
            self._forget()

    def remark(self, text: str) -> None:
        """Warn of something, once; a worker logs it once."""
        if text not in self.remarks:
            self.remarks.append(text)
            warnings.warn(text, ConfigurationWarning, stacklevel=3)

    def _forget(self) -> None:
        self._values = None
        self.version += 1

    def _load(self) -> dict[str, Any]:
        values = self._values
        if values is not None:
            return values
        with self._lock:
            if self._values is None and self._loading:  # a settings module asks while it is read
                return {**self._defaults, **self._said, **self._own}
            if self._values is None:
                self._loading = True
                try:
                    self._values, said, remarks = self._merged()
                finally:
                    self._loading = False
                    self.version += 1  # what was asked meanwhile may have changed
                for remark in (*remarks, *_remarks(said)):
                    self.remark(remark)
            return self._values

    def _merged(self) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        places: list[Found] = []
        if self._read_places:
            with suppress(FileNotFoundError):  # the working directory is gone
                places.append(from_project(Path.cwd()))
        if self._source:
            places.append(self._source())
        if self._read_places:
            places.append(from_environment(os.environ))
        said: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for found in places:
            said |= found.settings
            own |= found.own
        said |= self._said
        remarks = [remark for found in places for remark in found.remarks]
        return {**self._defaults, **said, **own, **self._own}, said, remarks


#: What is not a setting.
_ATTRIBUTES = {
    *("_lock", "_read_places", "_source", "_said", "_own", "_defaults", "_values", "_loading"),
    "_routes",
    *("version", "remarks"),
}


def _remarks(said: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is worth saying of settings that mean something else here, or nothing."""
    without = [
        f"  {name}: {SETTINGS[name].note}"
        for name, value in said.items()
        if SETTINGS[name].meaning == "none" and value not in (None, SETTINGS[name].default)
    ]
    if without:
        yield "settings of Celery that mean nothing to pgqueue and can go:\n" + "\n".join(without)
    if said.get("task_acks_late") is False:
        yield (
            "task_acks_late=False: a job whose worker is lost runs again here, always; a task that "
            "must not run twice ends its job in the commit of its rows, in self.transaction()"
        )
    expires = said.get("result_expires")
    seconds = expires.total_seconds() if isinstance(expires, timedelta) else expires
    if seconds is not None and seconds != SETTINGS["result_expires"].default.total_seconds():
        yield (
            f"result_expires={expires!r}: how long finished jobs are kept is said in the database, "
            f"for all its applications, in the table pgqueue.retention: set keep to {seconds:g} "
            "seconds there"
        )
