"""`pgq check-celery` as a person types it."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from pgqueue.cli.root import cli

FINE = """
from celery import shared_task

@shared_task(max_retries=3)
def send(): ...

send.delay()
"""
CHANGED = FINE + "\nsend.apply_async(routing_key='mail')\n"
NONE = CHANGED + "\nfrom celery.signals import heartbeat_sent\n\nheartbeat_sent.connect(send)\n"


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Runs the command on a folder with this module in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def check(code, *arguments):
        if code is not None:
            (tmp_path / "tasks.py").write_text(code)
        result = CliRunner().invoke(cli, ["check-celery", *(arguments or ["."])], prog_name="pgq")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return check


@pytest.mark.parametrize(("code", "status"), [("x = 1\n", 0), (FINE, 0), (CHANGED, 0), (NONE, 1)])
def test_exit_codes(check, code, status):
    assert check(code).exit_code == status


@pytest.mark.parametrize("arguments", [[], ["nowhere"], [".", "--only", "nonsense"]])
def test_wrong_usage(check, arguments):
    assert check(None, *arguments or ["--json"]).exit_code == 2


def test_what_is_shown_first_is_what_matters_most(check):
    titles = re.findall(r"^(?! )\w.*$", check(NONE).stdout, re.MULTILINE)
    assert titles[:3] == [
        "Without a counterpart",
        "To be changed",
        "Stays as it is, but for the import",
    ]


def test_a_line_says_name_count_and_place_and_the_note_is_below(check):
    lines = check(CHANGED).stdout.splitlines()
    row = next(i for i, line in enumerate(lines) if "routing_key" in line)
    assert lines[row].split() == ["apply_async(routing_key=)", "1", "queue=", "tasks.py:9"]
    assert lines[row + 1].strip() == "there are no exchanges: name the queue"


def test_all_places(check):
    code = FINE + "send.delay()\n"
    assert "tasks.py:8\n" not in check(code).stdout
    assert "tasks.py:8\n" in check(code, ".", "--all").stdout


def test_only_some(check):
    out = check(NONE, ".", "--only", "none").stdout
    assert "heartbeat_sent" in out
    assert "routing_key" not in out


def test_nothing_is_wider_than_the_terminal(check):
    for line in check(NONE, ".", "--all").stdout.splitlines()[:-3]:
        assert len(line) <= 100


def test_the_estimate(check):
    out = check(CHANGED).stdout
    assert "1 file, 1 of them with Celery; 6 uses of 6 names" in out
    assert "fine as they are: 83% of the uses" in out
    assert "for a hand: 1 line of code: 1 to change" in out
    assert "rough effort: about an hour" in out


def test_no_celery_at_all(check):
    assert "Celery is not used here." in check("x = 1\n").stdout


def test_what_is_in_the_way_is_named_before_the_effort(check):
    assert "decide what replaces signals.heartbeat_sent" in check(NONE).stdout


def test_json(check):
    found = json.loads(check(NONE, ".", "--json").stdout)
    (line,) = [line for line in found["lines"] if line["verdict"] == "none"]
    assert (line["kind"], line["name"]) == ("signal", "heartbeat_sent")
    assert line["places"] == ["tasks.py:13"]
    assert line["count"] == 1
    assert found["estimate"]["none"] == 1
    assert found["estimate"]["lines_for_a_hand"] == 2
    assert 0 < found["estimate"]["share_fine"] < 1
    assert found["unread"] == found["unresolved"] == []


def test_names_do_not_forge_the_terminal(check, tmp_path):
    (tmp_path / "a\x1b[31m\nb.py").write_text(NONE)
    out = check("import celery\n", ".", "--all").stdout
    assert "\x1b[31m" not in out
    assert "\nb.py" not in out


def test_no_database_is_asked(check, monkeypatch):
    for name in ("PGQUEUE_DSN", "DATABASE_URL", "PGHOST"):
        monkeypatch.delenv(name, raising=False)
    assert check(FINE).exit_code == 0
