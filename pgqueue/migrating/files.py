"""Finds the files to read, whatever the tree is like."""

from __future__ import annotations

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
_REQUIREMENTS = re.compile(r"(?i)requirements?[\w.-]*\.txt$|(^|/)requirements?[\w-]*/[^/]+\.txt$")


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read: `name` is how it is shown, `inside` where it is below the root `root`."""

    path: Path
    name: str
    root: int
    inside: str
    python: bool


def sources(roots: list[Path]) -> Iterator[Source | Remark]:
    """Give the files to read under `roots`, each once, and a remark for what cannot be entered.

    Links are followed, and lead nowhere twice.
    """
    seen: set[tuple[int, int]] = set()
    for number, root in enumerate(roots):
        yield from _below(number, root, seen)


def _below(number: int, root: Path, seen: set[tuple[int, int]]) -> Iterator[Source | Remark]:
    waiting = [root]
    while waiting:
        here = waiting.pop()
        try:
            about = here.stat()
            identity = (about.st_dev, about.st_ino)
            if identity in seen:
                continue
            seen.add(identity)
            if stat.S_ISDIR(about.st_mode):
                inside = sorted(here.iterdir(), reverse=True)
                if not any(each.name == "pyvenv.cfg" for each in inside):
                    waiting += [each for each in inside if not _skipped(each.name)]
            elif stat.S_ISREG(about.st_mode) and (kind := _kind(here)) is not None:
                if about.st_size > MAX_BYTES:
                    yield _remark(here, f"not read: it has {about.st_size / 2**20:.0f} MB")
                else:
                    below = here.relative_to(root).as_posix() if here != root else here.name
                    yield Source(here, here.as_posix(), number, below, kind)
        except OSError as error:
            if not here.is_symlink():  # a link that leads nowhere is nobody's loss
                yield _remark(here, f"not read: {_why(error)}")


def _remark(path: Path, text: str) -> Remark:
    return Remark(Place(path.as_posix(), 0), text)


def read(source: Source) -> bytes | Remark:
    """Return a file's bytes, or why not."""
    try:
        return source.path.read_bytes()
    except OSError as error:
        return _remark(source.path, f"not read: {_why(error)}")


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def _skipped(name: str) -> bool:
    return name in SKIPPED or (name.startswith(".") and name not in (".ci", ".docker", ".github"))


def _kind(path: Path) -> bool | None:
    """Tell whether a file is Python; None if it is neither that nor about deployment."""
    if path.suffix in (".py", ".pyw"):
        return True
    if _REQUIREMENTS.search(path.as_posix()):
        return False
    if _NOT_DEPLOYMENT.search(path.name) or not _DEPLOYMENT.match(path.name):
        return None
    return False
