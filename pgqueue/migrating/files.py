"""Finds the files to read, whatever the tree is like."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pgqueue.migrating.places import Place, Remark

#: Nobody writes more by hand; what is longer is data.
MAX_BYTES = 4 * 2**20
#: Folders of other people's code, and of what tools have made.
SKIPPED = frozenset(
    {"node_modules", "__pycache__", "site-packages", "dist-packages", "bower_components"}
)
_DEPLOYMENT = re.compile(
    r"""(?ix) ^(
        .*procfile.* | .*dockerfile.* | .*containerfile.* | makefile | gnumakefile | justfile
      | .*compose.*\.ya?ml | supervisord?.* | .*requirements.*\.(txt|in) | pipfile | setup\.cfg
      | .*\.(ya?ml|sh|bash|service|conf|ini|cfg|mk|toml|cmd|bat|ps1|nix|tf|j2|tmpl|template)
      | .*entrypoint.* | run | start.* | celery[\w.-]*
    )$"""
)
_NOT_DEPLOYMENT = re.compile(r"(?i)\.(md|rst|txt|html?|json|lock|po|pot|js|css|svg|png|pyc?)$")
_REQUIREMENTS = re.compile(r"(?i)requirements?[\w.-]*\.txt$|^requirements?[\w-]*/.+\.txt$")


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read: `name` is how it is shown."""

    path: Path
    name: str
    python: bool


def sources(roots: list[Path]) -> Iterator[Source | Remark]:
    """Give the files to read under `roots`, each once, and a remark for what cannot be entered.

    Links are followed, and lead nowhere twice.
    """
    seen: set[tuple[int, int]] = set()
    for root in roots:
        yield from _below(root, root.name if root.is_file() else "", seen)


def _below(path: Path, name: str, seen: set[tuple[int, int]]) -> Iterator[Source | Remark]:
    waiting = [(path, name)]
    while waiting:
        here, shown = waiting.pop()
        try:
            about = here.stat()
            identity = (about.st_dev, about.st_ino)
            if identity in seen:
                continue
            seen.add(identity)
            if stat.S_ISDIR(about.st_mode):
                names = sorted(os.listdir(here), reverse=True)
                if "pyvenv.cfg" not in names:
                    waiting += [
                        (here / each, f"{shown}/{each}" if shown else each)
                        for each in names
                        if not _skipped(each)
                    ]
            elif stat.S_ISREG(about.st_mode) and (kind := _kind(shown)) is not None:
                if about.st_size > MAX_BYTES:
                    yield Remark(Place(shown, 0), f"not read: {about.st_size / 2**20:.0f} MB")
                else:
                    yield Source(here, shown, kind)
        except OSError as error:
            # A link that leads nowhere is nobody's loss.
            if not here.is_symlink():
                yield Remark(Place(shown or str(here), 0), f"not read: {_why(error)}")


def read(source: Source) -> bytes | Remark:
    """Return a file's bytes, or why not."""
    try:
        return source.path.read_bytes()
    except OSError as error:
        return Remark(Place(source.name, 0), f"not read: {_why(error)}")


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def _skipped(name: str) -> bool:
    return name in SKIPPED or (name.startswith(".") and name not in (".ci", ".docker", ".github"))


def _kind(shown: str) -> bool | None:
    """Tell whether a file is Python; None if it is neither that nor about deployment."""
    name = shown.rpartition("/")[2]
    if name.endswith((".py", ".pyw")):
        return True
    if _REQUIREMENTS.search(shown):
        return False
    if _NOT_DEPLOYMENT.search(name) or not _DEPLOYMENT.match(name):
        return None
    return False
