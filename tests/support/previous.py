"""The source tree of the previous release, from the repository's history."""

from __future__ import annotations

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
#: Until there is a release, a commit. Set it to the newest tag with each release.
PREVIOUS = "c2fe7f6653a62231ba1bb39ff326eb75a59fcaae"


def unpack(folder: Path) -> Path | None:
    """Write the previous release's tree into a folder; None where the history is not there."""
    command = ["git", "-C", REPOSITORY, "archive", PREVIOUS, "pgqueue", "sql", "tests/support"]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None  # a shallow clone, an unpacked archive, or no git
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder
