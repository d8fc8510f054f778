"""The examples in docstrings run, without a database."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import pgqueue

PACKAGE = Path(pgqueue.__file__).parent
MODULES = [
    ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for file in sorted(PACKAGE.rglob("*.py"))
    if ">>>" in file.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_say_what_happens(module, monkeypatch):
    monkeypatch.delenv("PGQUEUE_DSN", raising=False)  # the others are gone already: conftest.py
    said = []
    for test in doctest.DocTestFinder(exclude_empty=True).find(import_module(module)):
        doctest.DocTestRunner().run(test, out=said.append)
    assert not said, "".join(said)


def test_there_are_examples():
    assert {"pgqueue.app", "pgqueue.codec", "pgqueue.retry"} <= set(MODULES)
