"""The kinds of values that matter: applications, tasks, results and what leads to them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thing:
    """A value of a kind that matters.

    `kind` is one of the knowledge's kinds that have attributes ("app", "task", "result" …), or
    "external" with the dotted name of something of Celery's, or "module" with the name of one of
    the project's, "function", "task class", "app class", or "other": nothing to do with it.
    """

    kind: str
    name: str = ""


OTHER, FUNCTION = Thing("other"), Thing("function")
APP, TASK, RESULT, REQUEST = Thing("app"), Thing("task"), Thing("result"), Thing("request")
GROUP_RESULT, CONTROL, INSPECT = Thing("group result"), Thing("control"), Thing("inspect")
#: What is an application by its name alone.
GUESSED = Thing("app", "guessed")
CONF, TASK_CLASS, APP_CLASS = Thing("conf"), Thing("task class"), Thing("app class")
SIGNATURE, GROUP = Thing("signature"), Thing("signature", "group")

#: What an attribute of a thing is.
ATTRIBUTES = {
    ("app", "conf"): CONF,
    ("app", "control"): CONTROL,
    ("app", "Task"): TASK_CLASS,
    ("app", "current_task"): TASK,
    ("task", "request"): REQUEST,
    ("task", "app"): APP,
    ("result", "parent"): RESULT,
    ("result", "root"): RESULT,
    ("signature", "app"): APP,
    ("signature", "type"): TASK,
    ("task class", "app"): APP,
}
#: What a method of a thing returns.
RETURNED = {
    **{("task", name): RESULT for name in ("delay", "apply_async", "apply", "AsyncResult")},
    **{("task", name): RESULT for name in ("delay_on_commit", "apply_async_on_commit")},
    **{
        ("task", name): SIGNATURE
        for name in ("s", "si", "signature", "subtask", "chunks", "map", "starmap", "replace")
    },
    **{("app", name): RESULT for name in ("send_task", "AsyncResult")},
    ("app", "GroupResult"): GROUP_RESULT,
    ("app", "signature"): SIGNATURE,
    ("app", "register_task"): TASK,
    ("control", "inspect"): INSPECT,
    **{("signature", name): RESULT for name in ("delay", "apply_async", "apply", "freeze")},
}
#: Methods of a signature that return it, or one like it.
_LIKE_IT = {"set", "clone", "s", "si", "link", "link_error", "on_error", "skew", "group"}
#: What Celery's own names hold.
_HELD = {
    "current_app": APP,
    "current_task": TASK,
    "Celery": APP_CLASS,
    **dict.fromkeys(("Task", "DjangoTask", "AbortableTask", "QueueOnce", "Singleton"), TASK_CLASS),
}
#: What calling them gives.
_MADE = {
    "Celery": APP,
    "AsyncResult": RESULT,
    "EagerResult": RESULT,
    "GroupResult": GROUP_RESULT,
    "ResultSet": GROUP_RESULT,
    "app_or_default": APP,
    "get_current_app": APP,
    "get_current_task": TASK,
    "Inspect": INSPECT,
    "inspect": INSPECT,
    "Control": CONTROL,
    "group": GROUP,
    **dict.fromkeys(("chain", "chord", "signature", "subtask", "maybe_signature"), SIGNATURE),
    **dict.fromkeys(("chunks", "xmap", "xstarmap", "Signature"), SIGNATURE),
}
DECORATORS = {"shared_task", "task", "periodic_task"}


def held(thing: Thing) -> Thing:
    """Return what one of Celery's own names holds, such as current_app; else the thing itself."""
    return _HELD.get(_last(thing), thing) if thing.kind == "external" else thing


def class_of(thing: Thing) -> Thing | None:
    """Return TASK_CLASS or APP_CLASS if the thing is such a class."""
    kind = held(thing)
    return kind if kind in (TASK_CLASS, APP_CLASS) else None


def instance_of(thing: Thing) -> Thing | None:
    """Return what something is that is annotated with the thing."""
    if kind := class_of(thing):
        return TASK if kind == TASK_CLASS else APP
    return _MADE.get(_last(thing)) if thing.kind == "external" else None


def called(thing: Thing, arguments: int) -> Thing | None:
    """Return what calling the thing gives."""
    if thing.kind == "external":
        return _made(thing, arguments)
    if thing.kind == "signature":
        return GROUP_RESULT if thing.name == "group" else RESULT
    return {TASK_CLASS: TASK, APP_CLASS: APP}.get(thing)


def _made(thing: Thing, arguments: int) -> Thing | None:
    last = _last(thing)
    if not thing.name.startswith("celery."):
        return None
    if last in DECORATORS:  # shared_task(function)
        return TASK if arguments else None
    return _MADE.get(last)


def method(owner: Thing, name: str) -> Thing | None:
    """Return what a method of the thing gives."""
    if owner.kind == "signature":
        if name in _LIKE_IT:
            return owner
        if name in ("delay", "apply_async") and owner.name == "group":
            return GROUP_RESULT
    return RETURNED.get((owner.kind, name))


def _last(thing: Thing) -> str:
    return thing.name.rpartition(".")[2]
