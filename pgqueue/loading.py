"""Finds the application that `-A` names."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from pgqueue.app import PgQueue
from pgqueue.errors import ConfigurationError


def load_app(spec: str) -> PgQueue:
    """Return the application named by `module` or `module:attribute`.

    Without an attribute it is the module's `app`, or its only `PgQueue`. The current directory is
    searched first. Raises `ConfigurationError` if there is none; an error while importing the
    module is passed on as it is.
    """
    module_name, _, attribute = spec.partition(":")
    if not all(map(str.isidentifier, module_name.split("."))) or module_name.endswith(".py"):
        raise ConfigurationError(
            f"-A {spec}: {module_name!r} is not the name of a module; give one such as shop.tasks, "
            "or shop.tasks:app"
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    module = _import(module_name, spec)
    if attribute:
        found = getattr(module, attribute, None)
        if not isinstance(found, PgQueue):
            raise ConfigurationError(
                f"-A {spec}: {module_name} has no PgQueue named {attribute!r}{_there(module)}"
            )
        return found
    if isinstance(getattr(module, "app", None), PgQueue):
        app: PgQueue = module.app
        return app
    apps = [value for value in vars(module).values() if isinstance(value, PgQueue)]
    if len({id(app) for app in apps}) == 1:
        return apps[0]
    raise ConfigurationError(
        f"-A {spec}: {module_name} has no PgQueue named 'app'{_there(module)}; "
        f"name it: -A {module_name}:attribute"
    )


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
    names = [name for name, value in vars(module).items() if isinstance(value, PgQueue)]
    return f" (there are: {', '.join(names)})" if names else ""
