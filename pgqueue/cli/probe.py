"""What an application says of its database, asked in a process of its own.

The process that supervises a worker imports no user code; this one is over before it begins.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pgqueue.cli.project import Project
from pgqueue.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Introduction:
    """The database that an application uses."""

    dsn: str
    schema: str


def introduce(project: Project, environ: Mapping[str, str]) -> Introduction:
    """Import an application in another process and return what it says.

    Raises `ConfigurationError` as `Project.load` does.
    """
    ours, theirs = os.pipe()
    command = [sys.executable, "-m", "pgqueue.cli.probe", project.app, str(theirs)]
    with subprocess.Popen(  # noqa: S603 (our own module)
        command, env=environ, pass_fds=[theirs], stdin=subprocess.DEVNULL, stdout=sys.stderr
    ):
        os.close(theirs)
        with os.fdopen(ours) as pipe:
            said = pipe.read()
    answer = json.loads(said or '{"error": "its process ended without a word"}')
    if "error" in answer:
        raise ConfigurationError(answer["error"])
    return Introduction(**answer)


def main() -> None:
    """Answer through the pipe whose number is the second argument: the application may print."""
    app, pipe = sys.argv[1:]
    try:
        found = Project(app).load()
        answer = asdict(Introduction(found.dsn, found.schema))
    except ConfigurationError as error:
        answer = {"error": str(error)}
    with os.fdopen(int(pipe), "w") as file:
        json.dump(answer, file)


if __name__ == "__main__":
    main()
