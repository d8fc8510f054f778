"""Runs the README's first command twice in a clean clone, as a newcomer would.

Run by `tox -e readme`; its argument is a folder to work in.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main(place: Path) -> None:
    clone = place / "clone"
    shutil.rmtree(clone, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    first = bash_blocks((clone / "README.md").read_text())[0]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "VIRTUAL", "PYTHON"))}
    for again in (False, True):
        began = time.monotonic()
        print("+", first, flush=True)
        done = subprocess.run(["bash", "-c", first], cwd=clone, env=clean, check=False)
        took = time.monotonic() - began
        if done.returncode:
            raise SystemExit(f"it ended with status {done.returncode} after {took:.0f} s")
        print(f"{'again: ' if again else ''}{took:.0f} s", flush=True)
    # For root, and a clone where only root may go, the data are elsewhere.
    look = "from pgqueue.embedded import default_directory as d; print(d())"
    python = clone / ".venv/bin/python"
    data = subprocess.check_output([python, "-c", look], cwd=clone, env=clean, text=True)
    shutil.rmtree(Path(data.strip()).parent)
    shutil.rmtree(clone)


def bash_blocks(text: str) -> list[str]:
    return [block.strip() for block in re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)]


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
