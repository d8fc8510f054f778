"""Whatever a tree is like, it is read as far as it goes, and each thing left out is said."""

from __future__ import annotations

import os
import sys

import pytest

from pgqueue.migrating.files import MAX_BYTES

GOOD = "from celery import shared_task\n\n@shared_task\ndef a(): ...\n"


def names(found):
    return found.uses("name")


def test_what_is_no_python_does_not_hide_the_rest(project):
    found = project({"bad.py": "import celery\nprint 'no'\n", "good.py": GOOD})
    assert names(found) == {"shared_task": 1}
    (text,) = found.unread
    assert text.startswith("not read: it is not Python 3: Missing parentheses")
    assert str(found.result.unread[0].place) == "bad.py:2"


@pytest.mark.parametrize(
    "text",
    [
        GOOD.encode("utf-8-sig"),
        ("# -*- coding: latin-1 -*-\n# caf\xe9\n" + GOOD).encode("latin-1"),
        GOOD.replace("\n", "\r\n").encode(),
        (GOOD + "x = '\\d'  # an escape that warns\n").encode(),
    ],
)
def test_encodings(project, text):
    found = project({"code.py": text})
    assert names(found) == {"shared_task": 1}
    assert found.unread == []


@pytest.mark.parametrize(
    "text",
    [
        b"x = 'caf\xe9 celery'\n",
        b"# coding: nonsense\nimport celery\n",
        b"import celery\0\n",
        b"import celery\nx = " + b"(" * 5000 + b")" * 5000,
    ],
)
def test_what_cannot_be_parsed_is_said(project, text):
    found = project({"bad.py": text, "good.py": GOOD})
    assert names(found) == {"shared_task": 1}
    assert len(found.unread) == 1
    assert found.unread[0].startswith("not read: ")


def test_a_tree_that_is_deeper_than_the_stack(project):
    deep = "import celery\nx = " + " + ".join(["a"] * 20000) + "\n"
    found = project({"deep.py": deep, "good.py": GOOD})
    assert names(found) == {"shared_task": 1}
    assert found.unread == ["not read: it is nested too deeply"]


def test_links_in_a_circle(project, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "nowhere.py").symlink_to(tmp_path / "missing.py")
    (tmp_path / "itself.py").symlink_to(tmp_path / "itself.py")
    found = project({"a/good.py": GOOD})
    assert names(found) == {"shared_task": 1}
    assert found.unread == []


def test_what_is_no_file(project, tmp_path):
    os.mkfifo(tmp_path / "pipe.py")  # were it opened, this would wait for ever
    assert names(project({"good.py": GOOD})) == {"shared_task": 1}


def test_a_huge_file_is_left_out(project):
    found = project({"data.py": b"# celery\n" + b"#" * MAX_BYTES, "good.py": GOOD})
    assert names(found) == {"shared_task": 1}
    assert found.unread == ["not read: it has 4 MB"]


def test_no_permission(project, tmp_path, monkeypatch):
    """As root everything may be read, so the answer of the system is made up."""
    from pathlib import Path  # noqa: PLC0415

    real = Path.read_bytes

    def refuse(path):
        if path.name == "secret.py":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    found = project({"secret.py": GOOD, "good.py": GOOD})
    assert names(found) == {"shared_task": 1}
    assert found.unread == ["not read: permission denied"]


def test_other_peoples_code_is_passed_over(project):
    found = project(
        {
            "good.py": GOOD,
            "env/pyvenv.cfg": "",
            "env/lib/code.py": GOOD,
            "node_modules/x/code.py": GOOD,
            ".tox/code.py": GOOD,
            "lib/site-packages/code.py": GOOD,
        }
    )
    assert names(found) == {"shared_task": 1}


def test_nothing_is_imported_or_run(project):
    found = project({"shop_that_shouts.py": GOOD + "raise SystemExit('run')\n"})
    assert names(found) == {"shared_task": 1}
    assert "shop_that_shouts" not in sys.modules


def test_several_paths_and_one_twice(project):
    found = project({"a/t.py": GOOD, "b/t.py": GOOD}, "a", "b", "a", "b/t.py")
    assert names(found) == {"shared_task": 2}
    assert {str(use.place) for use in found.result.uses} == {
        "a/t.py:1", "a/t.py:3", "b/t.py:1", "b/t.py:3",
    }  # fmt: skip
