"""Builds the wheel, installs it alone into a new environment, and looks whether it is whole.

Run by `tox -e package`; its argument is a folder to work in.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

LOOK = """
import pgqueue
from pgqueue.migrate import all_steps, as_script
from pgqueue.statements import FOLDER
assert "site-packages" in pgqueue.__file__, pgqueue.__file__
assert FOLDER.parent.name == "pgqueue", FOLDER
assert (FOLDER.parent / "py.typed").exists()
assert len(as_script(all_steps())) > 10_000
print("pgqueue", pgqueue.__version__, "is whole")
"""


def run(*command: str | Path, cwd: Path) -> None:
    print("+", *command, flush=True)
    subprocess.run(command, check=True, cwd=cwd)


def main(place: Path) -> None:
    dist, environment = place / "dist", place / "environment"
    run(sys.executable, "-m", "build", "--outdir", dist, cwd=ROOT)  # sdist, and the wheel from it
    (wheel,) = dist.glob("*.whl")
    run(sys.executable, "-m", "venv", "--clear", environment, cwd=place)
    programs = environment / "bin"
    run(programs / "pip", "install", "--quiet", wheel, cwd=place)
    run(programs / "python", "-c", LOOK, cwd=place)
    run(programs / "pgq", "--version", cwd=place)
    run(programs / "pgq", "migrate", "--help", cwd=place)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
