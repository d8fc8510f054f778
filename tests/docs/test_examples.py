"""Each example prints what it says that it prints, with the worker that it asks for."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import textwrap

import pytest
from blocks import ROOT
from playing import PageWorker

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.fixture
def start_worker(database, tmp_path, monkeypatch):
    """Starts a worker in examples/ by its command line; it is killed at the end."""
    monkeypatch.setenv("PGQUEUE_DSN", database)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    started = []

    def start(command):
        started.append(PageWorker(command, ROOT / "examples", tmp_path / "log"))
        return started[-1].ready()

    yield start
    for worker in started:
        worker.destroy()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_what_it_says(path, start_worker):
    about = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    command, program = re.findall(r"`(\w+ [^`]+)`", about)
    worker = start_worker(command)
    assert program == f"python {path.name}"
    done = subprocess.run(
        [sys.executable, "-W", "error", path.name],
        cwd=path.parent,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == "", worker.log
    assert done.stdout == textwrap.dedent(about.partition("prints::\n\n")[2]) + "\n"


def test_there_are_examples():
    assert len(EXAMPLES) >= 4
