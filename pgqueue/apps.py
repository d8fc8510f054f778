"""Which applications this process has, which of them is current, and the tasks that all share.

Unlike in Celery the current application is the same in every thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from pgqueue.errors import ConfigurationError


class Apps:
    """What a process knows of its applications."""

    def __init__(self) -> None:
        self.current: Any = None
        self.default: Any = None
        #: Makes an application where none is, yet one is asked for.
        self.make: Callable[[], Any] | None = None
        #: What registers a shared task with an application.
        self.shared: list[Callable[[Any], Any]] = []
        #: The applications that have all that was shared until now.
        self.complete: WeakSet[Any] = WeakSet()

    def find(self) -> Any:
        """Return the current application, or the default one, or a new one."""
        found = self.current or self.default
        if found is None:
            if self.make is None:
                raise ConfigurationError("there is no application yet: make a PgQueue")
            found = self.default = self.make()
        return found

    def share(self, register: Callable[[Any], Any]) -> None:
        """Have a task registered with every application, those that are made later as well."""
        self.shared.append(register)
        for app in list(self.complete):
            register(app)


APPS = Apps()
