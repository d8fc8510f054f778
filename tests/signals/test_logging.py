"""Logging in a worker's children: by the application's settings and receivers, or as ours."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import sys
import threading
from types import SimpleNamespace

import pytest

from pgqueue.describe import describe_exception
from pgqueue.errors import InvalidOption
from pgqueue.log import TASK_LOGGER, TaskFormatter, get_task_logger
from pgqueue.worker import logs

LOGGERS = (TASK_LOGGER, "psycopg", "pgqueue.stray", "py.warnings")


@pytest.fixture
def fresh(monkeypatch):
    """Loggers as in a process that has just begun; what is logged is in `fresh`."""
    text = io.StringIO()
    for place, name in ((threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(place, name, getattr(place, name))
    monkeypatch.setattr(logging, "lastResort", logging.lastResort)
    for each in map(logging.getLogger, LOGGERS):
        for name, value in (("handlers", []), ("level", each.level), ("propagate", True)):
            monkeypatch.setattr(each, name, value)
    root = logging.getLogger()
    level = root.level
    yield text
    logging.captureWarnings(False)
    monkeypatch.undo()
    root.handlers[:] = filter(_is_pytests, root.handlers)
    for each in (root, *map(logging.getLogger, LOGGERS)):
        # This also forgets what was found out meanwhile.
        each.setLevel(level if each is root else each.level)


def _is_pytests(handler):
    return type(handler).__module__.startswith("_pytest")


@pytest.fixture
def begin(fresh, monkeypatch):
    """Configures as a child does: `begin(settings)`, with what `importing` does in between."""

    def begin(importing=lambda: None, style="human", **settings):
        monkeypatch.setattr(sys, "stderr", fresh)
        root = logging.getLogger()
        root.handlers[:] = []
        root.setLevel(logging.WARNING)
        logs.begin_child("info", style, "w1/1")
        importing()
        logs.configure_child(SimpleNamespace(**settings), "info", style, "w1/1")

    return begin


@pytest.fixture
def logger():
    name = "depot.tasks"
    yield get_task_logger(name)
    logging.getLogger(name).parent = logging.getLogger("depot")


def log_both(logger):
    """Write a line as a task does, and one as anybody does."""
    logger.info("of a task")
    logging.getLogger("depot").info("of anybody")


# ── loggers for tasks ──


def test_records_say_in_which_run_they_were_written(run, tasks, logger, caplog, job_id):
    caplog.set_level(logging.INFO)

    @tasks.task(name="plain")
    def plain():
        logger.info("hello")

    @tasks.task(name="later")
    async def later():
        logger.info("hello")
        await asyncio.to_thread(logger.info, "hello")

    run(plain)
    run(later)
    logger.info("outside")
    found = [(record.task_name, record.task_id) for record in caplog.records]
    assert found == [("plain", job_id), ("later", job_id), ("later", job_id), ("???", "???")]


def test_they_have_one_parent_whatever_is_made_later():
    logger = get_task_logger("warehouse.tasks")
    assert logging.getLogger("warehouse.tasks") is logger
    assert logging.getLogger("warehouse").parent is logging.getLogger()
    assert logger.parent.name == TASK_LOGGER
    assert get_task_logger("warehouse.tasks") is logger
    assert len(logger.filters) == 1


@pytest.mark.parametrize("name", ["", "pgqueue", "pgqueue.task", "pgqueue.worker"])
def test_the_names_of_our_own_loggers_are_refused(name):
    with pytest.raises(InvalidOption, match="__name__"):
        get_task_logger(name)


def test_a_formatter_for_handlers_of_ones_own(run, tasks, job_id):
    formatter = TaskFormatter("%(task_name)s[%(task_id)s] %(message)s")
    lines = []

    @tasks.task(name="plain")
    def plain():
        lines.append(formatter.format(logging.makeLogRecord({"msg": "hello"})))

    run(plain)
    assert lines == [f"plain[{job_id}] hello"]


# ── the formats ──


def test_without_settings_lines_are_ours(begin, fresh, logger):
    begin()
    log_both(logger)
    lines = fresh.getvalue().splitlines()
    assert [re.sub(r"^[\d:.]+ ", "", line) for line in lines] == [
        "INFO    w1/1       of a task",
        "INFO    w1/1       of anybody",
    ]


def test_formats_of_settings_have_task_and_process(begin, fresh, logger, run, tasks, job_id):
    begin(
        worker_log_format="%(levelname)s/%(processName)s %(message)s",
        worker_task_log_format="%(task_name)s[%(task_id)s]: %(message)s",
    )

    @tasks.task(name="plain")
    def plain():
        log_both(logger)

    run(plain)
    log_both(logger)
    assert fresh.getvalue().splitlines() == [
        f"plain[{job_id}]: of a task",
        "INFO/w1/1 of anybody",
        "???[???]: of a task",
        "INFO/w1/1 of anybody",
    ]


def test_in_a_format_of_ones_own_no_message_forges_a_line(begin, fresh, logger):
    begin(worker_log_format="> %(message)s", worker_task_log_format="# %(message)s")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logger.exception("one\nmore")
    first, *others = fresh.getvalue().splitlines()
    assert first == r"# one\nmore"
    assert others
    assert all(line.startswith("    ") for line in others)


def test_the_format_of_the_time(begin, fresh, logger):
    begin(worker_log_format="%(asctime)s", worker_log_datefmt="at %Y")
    log_both(logger)
    assert re.search(r"^at \d{4}$", fresh.getvalue(), re.MULTILINE)


def test_json_was_asked_for_by_who_started_the_worker(begin, fresh, logger):
    begin(style="json", worker_log_format="%(message)s", worker_task_log_format="%(message)s")
    log_both(logger)
    assert all(line.startswith("{") for line in fresh.getvalue().splitlines())


# ── whose the root logger is ──


def own_handler(text):
    return lambda: logging.basicConfig(stream=text, format="own %(message)s")


def test_the_root_logger_is_taken_over(begin, fresh, logger):
    own = io.StringIO()
    begin(own_handler(own))
    log_both(logger)
    assert own.getvalue() == ""
    assert len(fresh.getvalue().splitlines()) == 2


def test_unless_the_settings_say_no(begin, fresh, logger):
    own = io.StringIO()
    begin(own_handler(own), worker_hijack_root_logger=False)
    log_both(logger)
    assert own.getvalue().splitlines() == ["own of anybody"]
    assert fresh.getvalue().endswith("of a task\n")


def test_if_nobody_has_it_then_it_is_ours(begin, fresh, logger):
    begin(worker_hijack_root_logger=False)
    log_both(logger)
    assert len(fresh.getvalue().splitlines()) == 2


def test_what_is_logged_during_the_import_is_a_line_of_ours(begin, fresh):
    begin(lambda: logging.getLogger("depot").info("importing"))
    assert re.match(r"[\d:.]+ INFO    w1/1       importing", fresh.getvalue())


# ── signals ──


def test_with_a_receiver_of_setup_logging_nothing_is_configured(begin, fresh, every, logger):
    seen = []

    @every["setup_logging"].connect
    def configure(loglevel, logfile, format, colorize, **kwargs):  # noqa: A002 (Celery's name)
        root = logging.getLogger()
        seen.append((loglevel, logfile, colorize, [*root.handlers], root.level))
        assert "%(message)s" in format

    after = []
    every["after_setup_logger"].connect(lambda **kwargs: after.append(kwargs), weak=False)
    before = logging.lastResort
    begin()
    assert seen == [(logging.INFO, None, False, [], logging.WARNING)]
    assert logging.getLogger().handlers == logging.getLogger(TASK_LOGGER).handlers == []
    assert logging.getLogger(TASK_LOGGER).propagate
    assert logging.lastResort is before
    assert after == []


def test_what_it_raises_keeps_the_process_from_beginning(begin, every):
    @every["setup_logging"].connect
    def configure(**kwargs):
        raise KeyError("no such handler")

    with pytest.raises(KeyError, match="no such handler"):
        begin()


def test_receivers_see_the_loggers_when_they_are_set_up(begin, fresh, heard, every, logger):
    heard("after_setup_logger", "after_setup_task_logger")
    begin(worker_task_log_format="%(message)s")
    assert heard.names == ["after_setup_logger", "after_setup_task_logger"]
    for name, named in heard:
        assert set(named) == {"sender", *every[name].arguments}
        assert named["loglevel"] == named["logger"].level == logging.INFO
        assert len(named["logger"].handlers) == 1
    assert heard.said("after_setup_logger")["logger"] is logging.getLogger()
    said = heard.said("after_setup_task_logger")
    assert (said["logger"].name, said["format"]) == (TASK_LOGGER, "%(message)s")


def test_a_receiver_may_add_a_handler_or_change_ours(begin, fresh, every, logger):
    more = io.StringIO()

    @every["after_setup_logger"].connect
    def add(logger, **kwargs):
        logger.addHandler(logging.StreamHandler(more))

    @every["after_setup_task_logger"].connect
    def change(logger, **kwargs):
        for handler in logger.handlers:
            handler.setFormatter(TaskFormatter("changed %(task_id)s %(message)s"))

    begin()
    log_both(logger)
    assert more.getvalue() == "of anybody\n"
    assert fresh.getvalue().splitlines()[0] == "changed ??? of a task"


def test_a_failure_is_logged_though_the_application_has_turned_off_other_loggers(begin, fresh):
    """`logging.config.dictConfig` does so unless it is told not to."""
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        failure = error
    ours = logging.getLogger("pgqueue.worker")
    begin(lambda: setattr(ours, "disabled", True))
    about = {"job": "7", "task": "pay", "queue": "default", "attempt": 2}
    logs.tell_of_failure(about, failure, *describe_exception(failure))
    first, *rest = fresh.getvalue().splitlines()
    assert first.endswith(r"pay[7] failed at attempt 2: ValueError: two\nlines")
    assert rest[0] == "    Traceback (most recent call last):"
    assert rest[-2:] == ["    ValueError: two", "    lines"]


def test_what_the_log_of_an_application_raises_changes_no_failure(fresh, monkeypatch):
    ours = logging.getLogger("pgqueue.worker")
    monkeypatch.setattr(ours, "filters", [lambda _: 1 / 0])
    about = {"job": "7", "task": "pay", "queue": "default", "attempt": 2}
    logs.tell_of_failure(about, None, "ValueError", "")
