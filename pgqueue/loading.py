"""Finds the application that `-A` names."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from traceback import walk_tb
from types import ModuleType

from pgqueue.app import PgQueue
from pgqueue.apps import APPS
from pgqueue.errors import ConfigurationError
from pgqueue.proxy import Proxy

#: How the paths of pgqueue's own files begin.
OURS = str(Path(__file__).parent) + os.sep


def load_app(spec: str) -> PgQueue:
    """Return the application named by `module` or `module:attribute`, and make it current.

    Without an attribute it is the module's `app`, or its `celery`, or its only `PgQueue`; of a
    package also that of its module `celery`. `module.attribute` is understood, too. The current
    directory is searched first. Raises `ConfigurationError` if there is none; an error while
    importing the module is passed on as it is.
    """
    module_name, colon, attribute = spec.partition(":")
    if not all(map(str.isidentifier, module_name.split("."))) or module_name.endswith(".py"):
        raise ConfigurationError(
            f"-A {spec}: {module_name!r} is not the name of a module; give one such as shop.tasks, "
            "or shop.tasks:app"
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    app = _found(spec, module_name, attribute if colon else None)
    app.set_current()
    return app


def written_at(error: BaseException) -> str:
    """Return where in somebody's own code an error comes from, in parentheses; or nothing.

    >>> written_at(ConfigurationError("of the command line"))
    ''
    """
    place = ""
    for frame, line in walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if not file.startswith((OURS, "<frozen ")):
            place = f" ({os.path.relpath(file)}, line {line})"
    return place


def _found(spec: str, module_name: str, attribute: str | None) -> PgQueue:
    try:
        module = _import(module_name, spec)
    except ConfigurationError:
        above, _, last = module_name.rpartition(".")
        holder = sys.modules.get(above)
        if attribute is None and isinstance(getattr(holder, last, None), PgQueue):
            return _found(spec, above, last)
        raise
    if attribute:
        found = getattr(module, attribute, None)
        if not isinstance(found, PgQueue):
            raise ConfigurationError(
                f"-A {spec}: {module_name} has no PgQueue named {attribute!r}{_there(module)}"
            )
        return _itself(found)
    app = _the_app(module) or _app_of_celery_module(module)
    if app is None:
        raise ConfigurationError(
            f"-A {spec}: {module_name} has no PgQueue named 'app'{_there(module)}; "
            f"name it: -A {module_name}:attribute"
        )
    return app


def _the_app(module: ModuleType) -> PgQueue | None:
    for name in ("app", "celery"):
        found = vars(module).get(name)
        if isinstance(found, PgQueue):
            return _itself(found)
    apps = {id(each): each for each in vars(module).values() if type(each) is not Proxy}
    only = [each for each in apps.values() if isinstance(each, PgQueue)]
    return only[0] if len(only) == 1 else None


def _app_of_celery_module(module: ModuleType) -> PgQueue | None:
    """Return the application of `proj/celery.py`, where Celery's projects have it."""
    if not hasattr(module, "__path__"):
        return None
    name = f"{module.__name__}.celery"
    try:
        return _the_app(import_module(name))
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None


def _itself(app: PgQueue) -> PgQueue:
    """Return the application that may be meant by way of `current_app`."""
    return APPS.find() if type(app) is Proxy else app  # type: ignore[comparison-overlap]


def _import(name: str, spec: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise ConfigurationError(
                f"-A {spec}: there is no module {error.name!r} in {Path.cwd()} or on the path; "
                "start pgq in the folder that contains it"
            ) from None
        raise


def _there(module: ModuleType) -> str:
    names = [
        name
        for name, value in vars(module).items()
        if type(value) is not Proxy and isinstance(value, PgQueue)
    ]
    return f" (there are: {', '.join(names)})" if names else ""
