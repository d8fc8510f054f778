"""`pgq` itself: help, completion, errors."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest

from pgqueue import __version__
from pgqueue.cli.root import COMMANDS, cli

NAMES = [name for section in COMMANDS.values() for name in section]
OVERVIEW = """
import atexit, sys
from pgqueue.cli import main
modules = lambda: sorted(name for name in sys.modules if name.startswith("pgqueue.cli."))
atexit.register(lambda: print("", *modules(), sep="\\n"))
sys.argv = ["pgq", "--help"]
main()
"""


def every_command():
    """The words of every command and of every command of a group."""
    context = click.Context(cli, info_name="pgq")
    for name in NAMES:
        command = cli.get_command(context, name)
        yield (name,)
        if isinstance(command, click.Group):
            yield from ((name, sub) for sub in command.commands)


def run(*arguments, **environment):
    command = [sys.executable, "-m", "pgqueue.cli", *arguments]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("words", list(every_command()), ids=" ".join)
def test_every_command_has_a_sentence_and_an_example(pgq_without_database, words):
    said = pgq_without_database(*words, "--help")
    assert said.code == 0
    usage, _, sentence = said.lines[:3]
    assert usage.startswith(f"Usage: pgq {' '.join(words)}")
    assert sentence.strip()[0].isupper()
    assert f"\n    pgq {words[0]}" in said.out.partition("Examples:")[2]


@pytest.mark.parametrize("words", list(every_command()), ids=" ".join)
def test_help_fits_a_terminal_of_100_columns(pgq_without_database, words):
    assert all(len(line) <= 100 for line in pgq_without_database(*words, "--help").lines)


@pytest.mark.parametrize("name", NAMES)
def test_the_overview_says_what_the_command_says_of_itself(pgq_without_database, name):
    (about,) = [section[name][1] for section in COMMANDS.values() if name in section]
    sentence = " ".join(pgq_without_database(name, "--help").out.split())
    assert about.rstrip(".") in sentence
    assert f"{name} " in pgq_without_database("--help").out


def test_the_overview_imports_no_command():
    said = subprocess.run(
        [sys.executable, "-c", OVERVIEW], capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines()[-3:] == ["", "pgqueue.cli.options", "pgqueue.cli.root"]


def test_the_version(pgq_without_database):
    assert pgq_without_database("--version").out == f"pgqueue, version {__version__}\n"


def test_a_misspelt_command(pgq_without_database):
    said = pgq_without_database("statsu")
    assert said.code == 2
    assert "No such command 'statsu'. Did you mean status?" in said.err


def test_a_shell_completes_commands_and_states():
    words = {"_PGQ_COMPLETE": "bash_complete", "COMP_WORDS": "pgq wo", "COMP_CWORD": "1"}
    assert run(**words).stdout == "plain,worker\n"
    words = {"COMP_WORDS": "pgq jobs list --state f", "COMP_CWORD": "4"}
    assert run(**words, _PGQ_COMPLETE="bash_complete").stdout == "plain,failed\n"


def test_an_error_is_one_message_and_no_traceback():
    said = run("status", "--dsn", "host=/nowhere dbname=shop password=hunter2")
    assert said.returncode == 1
    assert said.stdout == ""
    assert said.stderr.startswith("pgq: no connection to host=/nowhere dbname=shop password=***: ")
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["purge", "mail"], "; give a queue as -Q mail or the application as -A mail"),
        (["status", "shop"], "(shop); give the application as -A shop"),
        (["call", "add", "1", "2"], "; give the arguments of a task as --args '[1, 2]'"),
        (["jobs", "purge", "mail"], "No such command 'purge'. There is 'pgq purge'."),
        (["retry"], "No such command 'retry'. Did you mean 'pgq jobs retry'?"),
    ],
)
def test_words_that_a_command_does_not_take_are_told_where_they_belong(
    pgq_without_database, arguments, remedy
):
    said = pgq_without_database(*arguments)
    assert (said.code, remedy in said.err) == (2, True), said.err
