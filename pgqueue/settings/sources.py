"""Where settings are written down: objects and modules, the environment, pyproject.toml."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from inspect import isclass, ismodule, isroutine
from pathlib import Path
from stat import S_IWOTH
from typing import Any

from pgqueue.errors import ConfigurationError
from pgqueue.settings.names import CELERYS, VERY_ALIKE, canonical, nearest
from pgqueue.settings.table import SETTINGS
from pgqueue.settings.values import checked, from_text

PREFIX = "PGQUEUE_"
#: What the environment and pyproject.toml hold beside settings.
_VARIABLES = {"PGQUEUE_PROCESS", "PGQUEUE_DSN", "PGQUEUE_LISTEN_DSN"}
_PROJECT = {"app"}


@dataclass(frozen=True, slots=True)
class Found:
    """What a place says: settings by name, values of the user's own, and remarks on the rest."""

    settings: dict[str, Any] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def from_mapping(given: Mapping[str, Any], place: str = "app.conf") -> Found:
    """Read settings by their names, new or old; names in capitals that nobody knows are own values.

    Raises `ConfigurationError` for any other name, with the nearest right one.

    >>> from_mapping({"CELERY_TIMEZONE": "Europe/Oslo", "SHOP": 1})
    Found(settings={'timezone': 'Europe/Oslo'}, own={'SHOP': 1}, remarks=[])
    """
    found = Found()
    for given_name, value in given.items():
        name = canonical(given_name)
        if name:
            found.settings[name] = checked(name, value, place)
        elif given_name.isupper():
            _refuse_if_near(given_name, place, only=CELERYS)
            found.own[given_name] = value
        else:
            near = nearest(given_name)
            hint = f"did you mean {near!r}?" if near else "write values of your own IN_CAPITALS"
            raise ConfigurationError(f"{place}: {given_name!r} is not a setting; {hint}")
    return found


def from_object(source: Any, namespace: str | None = None) -> Found:
    """Read settings from a module, its name, `module:attribute`, an object or a dict.

    With a namespace only names in capitals count that begin with it. Without one, an object may
    hold whatever else it likes: of its names only those are refused that look much like a setting.
    """
    place = source if isinstance(source, str) else _place(source)
    source = _resolved(source) if isinstance(source, str) else source
    if namespace:
        return _from_namespace(_items(source), namespace.rstrip("_").upper() + "_", place)
    if isinstance(source, Mapping):
        return from_mapping(source, place)
    known: dict[str, Any] = {}
    for name, value in _items(source):
        if canonical(name):
            known[name] = value
        elif not (ismodule(value) or isroutine(value) or isclass(value)):
            if name.isupper():
                known[name] = value
            else:
                _refuse_if_near(name, place, only=())
    return from_mapping(known, place)


def from_environment(environ: Mapping[str, str]) -> Found:
    """Read the variables that begin with PGQUEUE_; those that nobody knows may be others'."""
    found = Found()
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable in _VARIABLES or not text:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in SETTINGS:
            found.settings[name] = from_text(name, text, variable)
        elif near := nearest(name, VERY_ALIKE):
            found.remarks.append(f"{variable}: is no setting; did you mean {PREFIX}{near.upper()}?")
    return found


def from_project(folder: Path) -> Found:
    """Read `[tool.pgqueue]` of the pyproject.toml nearest to a folder, here or above.

    Not one that cannot be read, nor in a folder that everybody may write to, such as /tmp.
    """
    for each in (folder, *folder.parents):
        file = each / "pyproject.toml"
        try:
            if file.is_file():
                text = "" if each.stat().st_mode & S_IWOTH else file.read_text(encoding="utf-8")
                return _from_toml(text, str(file)) if "pgqueue" in text else Found()
        except (OSError, UnicodeDecodeError):
            return Found()
    return Found()


def _from_toml(text: str, place: str) -> Found:
    import tomllib  # noqa: PLC0415 (most projects have no such table)

    try:
        table = tomllib.loads(text).get("tool", {}).get("pgqueue", {})
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{place} cannot be read: {error}") from error
    if not isinstance(table, dict):
        raise ConfigurationError(f"{place}: tool.pgqueue = {table!r}: write a table")
    return from_mapping({k: v for k, v in table.items() if k not in _PROJECT}, place)


def _from_namespace(items: Iterator[tuple[str, Any]], prefix: str, place: str) -> Found:
    settings: dict[str, Any] = {}
    remarks: list[str] = []
    for given_name, value in items:
        if not given_name.startswith(prefix) or given_name == prefix:
            continue
        name = given_name.removeprefix(prefix).lower()
        if name in SETTINGS:
            settings[name] = checked(name, value, f"{place}: {given_name}")
            continue
        if old := canonical(given_name):  # CELERY_ALWAYS_EAGER, where CELERY_ is the namespace
            raise ConfigurationError(
                f"{place}: {given_name} is the old name of {old}; with the namespace it is "
                f"{prefix}{old.upper()}"
            )
        if near := nearest(name):
            raise ConfigurationError(
                f"{place}: {given_name} is not a setting; did you mean {prefix}{near.upper()}?"
            )
        remarks.append(f"{given_name}: is not a setting of pgqueue, and is passed over")
    return Found(settings, {}, remarks)


def _items(source: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(source, Mapping):
        yield from source.items()
        return
    for name in dir(source):
        if not name.startswith("_"):
            yield name, getattr(source, name)


def _resolved(path: str) -> Any:
    """Return what `module` or `module:attribute` or `module.attribute` names."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    module, colon, attribute = path.partition(":")
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        above, _, last = module.rpartition(".")
        if not _misses(error, module):
            raise
        if colon or not above:
            raise _nothing(path, module) from None
        try:
            found = getattr(import_module(above), last)
        except (ModuleNotFoundError, AttributeError):
            raise _nothing(path, module) from None
    for part in filter(None, attribute.split(".")):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise _nothing(path, f"{module}:{attribute}") from None
    return found


def _misses(error: ModuleNotFoundError, module: str) -> bool:
    return bool(error.name) and (module + ".").startswith(f"{error.name}.")


def _nothing(path: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"config_from_object({path!r}): there is no {what!r} in {Path.cwd()} or on the path"
    )


def _refuse_if_near(name: str, place: str, only: tuple[str, ...]) -> None:
    if only and not name.startswith(only):
        return
    if near := nearest(name, VERY_ALIKE):
        raise ConfigurationError(f"{place}: {name!r} is not a setting; did you mean {near!r}?")


def _place(source: Any) -> str:
    if isinstance(source, Mapping):
        return "the settings"
    return getattr(source, "__name__", None) or type(source).__name__
