from __future__ import annotations

import sys
import textwrap

import pytest

from pgqueue import PgQueue


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty current directory; modules from it are forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if not name.startswith(("django", "asgiref", "pgqueue", "_pytest", "pydantic")):
            del sys.modules[name]


@pytest.fixture
def write(folder):
    """Writes a file: `write("shop/tasks.py", "…")`."""

    def write(name, text=""):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))

    return write


@pytest.fixture
def app():
    return PgQueue("shop")
