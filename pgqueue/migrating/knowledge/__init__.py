"""What becomes of each name of Celery's: one table."""

from __future__ import annotations

from functools import cache

from pgqueue.migrating.knowledge import (
    calling,
    commands,
    declaring,
    modules,
    operating,
    settings,
)
from pgqueue.migrating.knowledge.row import CHANGE, LOOK, NONE, SAME, Row, Verdict

__all__ = ["CHANGE", "KINDS", "LOOK", "NONE", "ROWS", "SAME", "Row", "Verdict", "find", "in_code"]

#: The kinds of names, in the order in which they are shown, with their titles.
KINDS = {
    "import": "Imports",
    "package": "Packages beside Celery",
    "requirement": "Requirements",
    "name": "Names of the package",
    "app argument": "Arguments of Celery(…)",
    "app": "The application",
    "task option": "Options of tasks",
    "handler": "Methods of task classes",
    "task": "Tasks",
    "request": "self.request",
    "call option": "Options of calls and retries",
    "result": "AsyncResult",
    "group result": "GroupResult",
    "canvas": "Canvas",
    "signature": "Signatures",
    "exception": "Exceptions",
    "signal": "Signals",
    "control": "app.control",
    "inspect": "app.control.inspect()",
    "schedule": "Schedules",
    "logging": "Logging",
    "testing": "Tests",
    "setting": "Settings",
    "value": "Serializers",
    "command": "Commands",
    "command option": "Options of every command",
    "worker option": "Options of the worker and beat",
}

#: How a name of a kind looks in code; the others stand as they are.
_FORMS = {
    "import": "import {}",
    "package": "import {}",
    "requirement": "install {}",
    "app argument": "Celery({}=)",
    "app": "app.{}",
    "task option": "@task({}=)",
    "handler": "def {}",
    "task": "task.{}",
    "request": "request.{}",
    "call option": "apply_async({}=)",
    "result": "result.{}",
    "group result": "group_result.{}",
    "signature": "signature.{}",
    "signal": "signals.{}",
    "control": "control.{}",
    "inspect": "inspect.{}",
    "value": "serializer {}",
    "command": "celery {}",
    "command option": "celery … {}",
    "worker option": "celery worker {}",
}

ROWS: tuple[Row, ...] = (
    *modules.ROWS,
    *declaring.ROWS,
    *calling.ROWS,
    *operating.ROWS,
    *settings.ROWS,
    *commands.ROWS,
)

_EXACT = {(row.kind, row.name): row for row in ROWS}
#: Longest first: the nearest one counts.
_BEGINNINGS = sorted(
    (row for row in ROWS if row.name.endswith("*")), key=lambda row: len(row.name), reverse=True
)


@cache
def find(kind: str, name: str) -> Row | None:
    """Return what is known of a name; None if it is not one of Celery's.

    >>> find("task option", "bind").verdict
    'same'
    >>> find("setting", "redis_socket_timeout").note
    'can go: results are in PostgreSQL, beside the jobs'
    """
    if found := _EXACT.get((kind, name)):
        return found
    for row in _BEGINNINGS:
        if row.kind == kind and name.startswith(row.name[:-1]):
            return row
    return None


def in_code(kind: str, name: str) -> str:
    """Return a name as it stands in code.

    >>> in_code("task option", "bind"), in_code("setting", "timezone")
    ('@task(bind=)', 'timezone')
    >>> in_code("task option", "acks_late=False")
    '@task(acks_late=False)'
    """
    form = _FORMS.get(kind, "{}")
    return (form.replace("{}=", "{}") if "=" in name else form).format(name)
