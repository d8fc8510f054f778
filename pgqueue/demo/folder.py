"""Which files of a folder are analysed."""

from __future__ import annotations

import os
import sysconfig
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pgqueue.errors import ConfigurationError

#: Other people's code inside a project, and what Python leaves behind.
PASSED_OVER = {"__pycache__", "site-packages", "dist-packages"}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A Python file: its path below the folder, and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Found:
    """A folder, its Python files, and how many names in it could not be used."""

    folder: Path
    files: list[SourceFile]
    skipped: int


def standard_library() -> Path:
    """Return the folder of the modules that came with the running Python."""
    return Path(sysconfig.get_path("stdlib"))


def find_files(folder: Path, limit: int | None = None) -> Found:
    """Return the Python files below a folder, in order of their paths, at most `limit`.

    Links to folders are not followed, so a loop of them does no harm. Hidden folders and those
    named in `PASSED_OVER` are passed over. Raises `ConfigurationError` if there is no file.
    """
    folder = folder.absolute()
    if not folder.is_dir():
        raise ConfigurationError(f"{_shown(folder)} is not a folder")
    if _is_unspeakable(str(folder)):
        raise ConfigurationError(f"{_shown(folder)}: PostgreSQL stores only names in UTF-8")
    problems: list[OSError] = []
    files: list[SourceFile] = []
    skipped = 0
    for parent, folders, names in os.walk(folder, onerror=problems.append):
        folders[:] = [name for name in folders if name[0] != "." and name not in PASSED_OVER]
        for name in names:
            path = Path(parent, name)
            if not name.endswith(".py") or not path.is_file():  # a pipe, or a link to nothing
                continue
            relative = str(path.relative_to(folder))
            if _is_unspeakable(relative):
                skipped += 1
            else:
                files.append(SourceFile(relative, path.stat().st_size))
    if not files:
        raise ConfigurationError(
            f"{_shown(folder)} holds no .py file that can be read; name another folder"
        )
    files.sort(key=lambda file: file.path)
    return Found(folder, list(islice(files, limit)), skipped + len(problems))


def _is_unspeakable(path: str) -> bool:
    # Names are bytes; Python reads those that are not UTF-8 as lone surrogates.
    try:
        path.encode()
    except UnicodeEncodeError:
        return True
    return False


def _shown(path: Path) -> str:
    return str(path).encode("utf-8", "backslashreplace").decode()
