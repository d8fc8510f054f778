"""`pgq worker`: what it refuses, and how it says so."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pgqueue.config import NO_DATABASE


def run(here, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "pgqueue.cli", "worker", *arguments],
        env={**os.environ, **environment},
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            [],
            "which application? Give -A module:attribute, or set PGQ_APP, or write\n  [tool",
        ),
        (["-A", "shop", "-c", "0"], "0 is not in the range"),
        (["-A", "shop", "--processes", "many"], "'many' is not a valid integer"),
        (["-A", "shop", "--grace", "-1"], "-1.0 is not in the range"),
        (["-A", "shop", "-l", "loud"], "'loud' is not one of 'debug', 'info', 'warning', 'error'"),
    ],
)
def test_options_that_make_no_sense(pgq_without_database, options, message):
    said = pgq_without_database("worker", *options)
    assert said.code == 2
    assert message in said.err


@pytest.mark.parametrize("options", [["-Q", "mail,a\tb"], ["-n", "w\n1"]])
def test_names_that_cannot_be_shown(pgq_without_database, options):
    said = pgq_without_database("worker", "-A", "shop", *options)
    assert said.code == 1
    assert "a name is a text of printable characters" in said.err


def test_without_any_database_both_ways_are_said(here, shop):
    del shop
    said = run(here, "-A", "shop", "--processes", "1")
    assert said.returncode == 1
    assert said.stderr == f"pgq: {NO_DATABASE}\n"


def test_an_application_that_raises_shows_the_users_lines_only(here, database):
    (here / "shop.py").write_text("import nothere\n")
    said = run(here, "-A", "shop", "--processes", "1", PGQUEUE_DSN=database)
    assert said.returncode == 1
    assert said.stderr == (
        "pgq: -A shop cannot be loaded:\nTraceback (most recent call last):\n"
        f'  File "{here}/shop.py", line 1, in <module>\n    import nothere\n'
        "ModuleNotFoundError: No module named 'nothere'\n"
    )


def test_another_database_than_the_environments_can_be_given(here, shop, empty_database):
    """It is refused because nobody migrated it, and so was the one that was asked."""
    del shop
    said = run(
        here, "-A", "shop", "--dsn", empty_database, "--processes", "1", PGQUEUE_DSN="host=/no"
    )
    assert said.returncode == 1
    assert "run 'pgq migrate'" in said.stderr
