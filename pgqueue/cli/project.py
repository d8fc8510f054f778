"""Which application is meant: named on the command line, in the environment, or by the project."""

from __future__ import annotations

import os
import sys
import tomllib
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from pgqueue import loading
from pgqueue.app import PgQueue
from pgqueue.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Project:
    """An application's name, and the folder of the pyproject.toml that names it, if one does."""

    app: str
    folder: Path | None = None

    def load(self) -> PgQueue:
        """Import the application; raises `ConfigurationError`, with the traceback if it has one."""
        if self.folder:
            sys.path.insert(0, str(self.folder))
        try:
            return loading.load_app(self.app)
        except ConfigurationError as error:
            at = loading.written_at(error)
            raise ConfigurationError(f"{error}{at}{self._origin()}") from error
        except Exception as error:
            text = "".join(traceback.format_exception(error.with_traceback(_theirs(error))))
            raise ConfigurationError(
                f"-A {self.app} cannot be loaded{self._origin()}:\n{text.rstrip()}"
            ) from error

    def _origin(self) -> str:
        return f" ({self.folder / 'pyproject.toml'} names it)" if self.folder else ""


def find_project(given: str | None) -> Project | None:
    """Return the application that is meant, if any is named.

    Looked at in this order: `given`, `PGQ_APP`, `[tool.pgqueue] app` of the nearest pyproject.toml.
    """
    if app := given or os.environ.get("PGQ_APP"):
        return Project(app)
    here = Path.cwd()
    for folder in (here, *here.parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            app = _named_in(file)
            return Project(app, folder) if app else None
    return None


def _named_in(file: Path) -> str | None:
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from error
    app = settings.get("tool", {}).get("pgqueue", {}).get("app")
    if app is None or isinstance(app, str):
        return app
    raise ConfigurationError(f'{file}: [tool.pgqueue] app = {app!r}: give "module:attribute"')


def _theirs(error: BaseException) -> TracebackType | None:
    """Return the part of a traceback that is the user's: below our and importlib's frames."""
    tb = error.__traceback__
    while tb and _is_ours(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    return tb


def _is_ours(file: str) -> bool:
    return file in (__file__, loading.__file__) or "importlib" in file
