"""Scans a code base."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from pgqueue.migrating import deployment, python
from pgqueue.migrating.files import Source, read, sources
from pgqueue.migrating.places import Found, Place, Remark, Use
from pgqueue.migrating.project import Project
from pgqueue.migrating.scopes import Module
from pgqueue.migrating.settings import SettingUses

Progress = Callable[[str, int, int], None]
_UNPARSED = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass
class Scan:
    """What a code base uses, and what of it could not be told."""

    files: int = 0
    #: How many of them have to do with Celery.
    relevant: int = 0
    uses: list[Use] = field(default_factory=list)
    unread: list[Remark] = field(default_factory=list)
    unresolved: list[Remark] = field(default_factory=list)


def scan(paths: list[Path], progress: Progress = lambda *_: None) -> Scan:
    """Return what the files under `paths` use of Celery; nothing of them is imported or run.

    `progress` is told what is being done, how many are done, and how many there are.
    """
    result = Scan()
    todo: list[Source] = []
    for found in sources(paths):
        if isinstance(found, Source):
            todo.append(found)
            progress("finding files", len(todo), 0)
        else:
            result.unread.append(found)
    result.files = len(todo)
    project, settings = Project(), SettingUses()
    for number, source in enumerate(todo):
        progress("reading", number, len(todo))
        _take(source, result, project, settings)
    modules = [*project.index.modules.values(), *project.index.read_as(settings.sources)]
    for number, module in enumerate(modules):
        progress("looking closer", number, len(modules))
        _look(module, result, project, settings)
    for remarks in (result.unread, result.unresolved):
        remarks.sort()
    return result


def _take(source: Source, result: Scan, project: Project, settings: SettingUses) -> None:
    """Read a file; of Python only its tree is kept, and only if it has to do with Celery."""
    text = read(source)
    if isinstance(text, Remark):
        result.unread.append(text)
        return
    if source.python:
        if not python.HINT.search(text) and "celery" not in source.path.stem.lower():
            project.index.add_unread(_dotted(source), partial(_quietly, source))
            return
        module = _parsed(source, text)
        if isinstance(module, Remark):
            result.unread.append(module)
        else:
            settings.learn(module)
            project.index.add(module)
    elif deployment.HINT.search(text):
        found = deployment.read_deployment(source.name, text.decode("utf-8", "replace"))
        _add(found, result)


def _quietly(source: Source) -> Module | None:
    """Return a module that another one needs; one that cannot be read is not missed by itself."""
    text = read(source)
    module = text if isinstance(text, Remark) else _parsed(source, text)
    return None if isinstance(module, Remark) else module


def _parsed(source: Source, text: bytes) -> Module | Remark:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the code's own: "\d" and its like
            tree = ast.parse(text)
        return Module(_dotted(source), source.name, tree, source.path.stem == "__init__")
    except _UNPARSED as error:
        return Remark(Place(source.name, _line(error)), f"not read: {_why(error)}")


def _look(module: Module, result: Scan, project: Project, settings: SettingUses) -> None:
    try:
        found = python.Reader(project, module, settings).read()
    except RecursionError as error:
        result.unread.append(Remark(Place(module.file, 0), f"not read: {_why(error)}"))
        return
    _add(found, result)


def _add(found: Found, result: Scan) -> None:
    result.relevant += bool(found.uses)
    result.uses += found.uses
    result.unresolved += found.unresolved


def _dotted(source: Source) -> str:
    """Return the dotted name of a file; the root, and folders that are no packages, are in it.

    >>> _dotted(Source(Path("src/shop/tasks.py"), "src/shop/tasks.py", 0, "shop/tasks.py", True))
    '<0>.shop.tasks'
    """
    path = PurePosixPath(source.inside).with_suffix("")
    parts = path.parts[:-1] if path.name == "__init__" else path.parts
    return ".".join([f"<{source.root}>", *(re.sub(r"\W", "_", part) for part in parts)])


def _line(error: BaseException) -> int:
    return (error.lineno or 0) if isinstance(error, SyntaxError) else 0


def _why(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"it is not Python 3: {error.msg}"
    if isinstance(error, (RecursionError, MemoryError)):
        return "it is nested too deeply"
    return str(error)
