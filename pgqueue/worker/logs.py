"""How the worker's log lines look: for a person by default, one JSON object a line on request.

A child begins with a handler of last resort only, so that what the application configures while it
is imported counts; `configure_child` then asks its settings, and the receivers of its signals.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pgqueue import signals
from pgqueue.describe import describe_exception, exc_info_of, one_line, shortened
from pgqueue.log import NOBODY, TASK_LOGGER, say_which_run
from pgqueue.request import current

log = logging.getLogger("pgqueue.worker")

FORMATS = ("human", "json")
LEVELS = ("debug", "info", "warning", "error")
#: The loggers of what a child has to say.
OURS = ("pgqueue.worker", TASK_LOGGER, "pgqueue.stray")


#: What receivers get as the format of lines that are not made by one.
PLAIN = "%(asctime)s %(levelname)-7s %(processName)s %(message)s"
PLAIN_TASK = "%(asctime)s %(levelname)-7s %(processName)s %(task_name)s[%(task_id)s] %(message)s"


def configure_logging(level: str, style: str, process: str) -> None:
    """Send every log line of this process to standard error in the given style."""
    root = logging.getLogger()
    root.handlers[:] = [_handler(_formatter(style, process))]
    root.setLevel(level.upper())
    _catch_strays()


def begin_child(level: str, style: str, process: str) -> None:
    """The same until `configure_child`, for a process that is about to import an application."""
    logging.lastResort = _handler(_formatter(style, process))
    logging.getLogger().setLevel(level.upper())
    _catch_strays()


def configure_child(settings: Any, level: str, style: str, process: str) -> None:
    """Configure the logging of a child by the application's settings and its receivers.

    With a receiver of `setup_logging` that is all its own affair; what that raises is raised here.
    """
    logging.lastResort = logging._defaultLastResort  # type: ignore[attr-defined] # noqa: SLF001 (as it was)
    number = logging.getLevelNamesMapping()[level.upper()]
    lines, task_lines = _formats(settings, style)
    about = {"loglevel": number, "logfile": None, "colorize": False}
    formats = {"format": lines or PLAIN}, {"format": task_lines or PLAIN_TASK}
    root = logging.getLogger()
    if signals.setup_logging.has_listeners():
        if root.level == number:
            root.setLevel(logging.WARNING)
        for _, answer in signals.setup_logging.send(sender=None, **about, **formats[0]):
            if isinstance(answer, Exception):
                raise answer
        return
    for name in OURS:  # `logging.config` turns off what was there before it, unless told not to
        logging.getLogger(name).disabled = False
    plain = _formatter(style, process)
    if getattr(settings, "worker_hijack_root_logger", True) is not False:
        root.handlers[:] = []
    date = getattr(settings, "worker_log_datefmt", None)
    _add(root, LineFormatter(process, lines, date) if lines else plain, number)
    signals.after_setup_logger.send(sender=None, logger=root, **about, **formats[0])
    tasks = logging.getLogger(TASK_LOGGER)
    tasks.propagate = False
    date = getattr(settings, "worker_task_log_datefmt", None)
    _add(tasks, LineFormatter(process, task_lines, date) if task_lines else plain, number)
    signals.after_setup_task_logger.send(sender=None, logger=tasks, **about, **formats[1])


def tell_of_failure(
    about: Mapping[str, Any], error: BaseException | None, summary: str, traceback: str
) -> None:
    """Log that a job has failed for good, once: its error, and the traceback as it is stored.

    `about` it: job, task, queue, attempt. Whatever handlers of the application's raise, it has
    failed all the same.
    """
    said = (about["task"], about["job"], about["attempt"], summary)
    with suppress(BaseException):
        if not log.isEnabledFor(logging.ERROR):
            return
        record = log.makeRecord(
            log.name,
            logging.ERROR,
            __file__,
            0,
            "%s[%s] failed at attempt %d: %s",
            said,
            exc_info_of(error),
            extra={"about": about, "described": traceback},
        )
        # So that formatters of the application's need not, and cannot, unfold it for themselves.
        record.exc_text = traceback.rstrip("\n") or None
        log.handle(record)


def _formats(settings: Any, style: str) -> tuple[str | None, str | None]:
    if style == "json":  # was asked for by who started the worker
        return None, None
    task_lines = getattr(settings, "worker_task_log_format", None)
    return getattr(settings, "worker_log_format", None), task_lines


def _add(logger: logging.Logger, formatter: logging.Formatter, level: int) -> None:
    logger.setLevel(level)
    if not logger.handlers:
        logger.addHandler(_handler(formatter))


def _handler(formatter: logging.Formatter) -> logging.StreamHandler[Any]:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    return handler


def _formatter(style: str, process: str) -> logging.Formatter:
    return JsonFormatter(process) if style == "json" else HumanFormatter(process)


def _catch_strays() -> None:
    """Log what Python would print as it is: whatever it says, it must not look like our lines."""
    logging.captureWarnings(True)
    # An outage is said once, by the worker, and not by every pipeline that it breaks.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    strays = logging.getLogger("pgqueue.stray")

    def died(about: threading.ExceptHookArgs) -> None:
        name = about.thread.name if about.thread else "?"
        if about.exc_value is not None:
            strays.error("thread %s died", name, exc_info=exc_info_of(about.exc_value))

    def ignored(about: sys.UnraisableHookArgs) -> None:
        where = shortened(about.object)
        if about.exc_value is not None:
            strays.error(
                "nobody could catch this, in %s", where, exc_info=exc_info_of(about.exc_value)
            )

    threading.excepthook = died
    sys.unraisablehook = ignored


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except BaseException as error:  # noqa: BLE001 (what is logged may be as broken as what is raised)
        said = f"{shortened(record.msg)} cannot be logged with its arguments"
        return f"{said}: {describe_exception(error)[0]}"


def _exception(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    if (described := getattr(record, "described", None)) is not None:
        return str(described).rstrip("\n")
    return describe_exception(error)[1].rstrip("\n") if error is not None else ""


def _whose(record: logging.LogRecord) -> str:
    """Return in which run a task's own logger wrote it, for people."""
    id_ = getattr(record, "task_id", NOBODY)
    return "" if id_ == NOBODY else one_line(f"{getattr(record, 'task_name', '')}[{id_}] ")


class HumanFormatter(logging.Formatter):
    """`10:24:56.123 INFO    worker-1  message`."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a message cannot forge another one."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        head = f"{clock}.{int(record.msecs):03d} {record.levelname:<7} {self._process:<10} "
        lines = [head + _whose(record) + one_line(_message(record))]
        lines += ["    " + one_line(part) for part in _exception(record).split("\n") if part]
        return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ts, level, logger, process, event, and what the line is about."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = {
            "ts": round(record.created, 6),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": self._process,
            "message": _message(record),
            **_run(),
            **getattr(record, "about", {}),
        }
        if text := _exception(record):
            fields["exception"] = text
        return json.dumps(fields, default=shortened)


def _run() -> dict[str, str]:
    request = current.get()
    return {} if request is None else {"job": request.id, "task": request.task}


class LineFormatter(logging.Formatter):
    """A format of the application's own, with `task_id` and `task_name`.

    Its `processName` is the child's name. Messages stay on their line, and exceptions are described
    as everywhere.
    """

    def __init__(self, process: str, format: str, date: str | None) -> None:  # noqa: A002 (logging's name)
        super().__init__(format, date)
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        safe = logging.makeLogRecord(vars(record))
        safe.msg, safe.args, safe.processName = one_line(_message(record)), None, self._process
        parts = _exception(record).split("\n")
        safe.exc_text = "\n".join("    " + one_line(part) for part in parts if part) or None
        say_which_run(safe)
        return super().format(safe)
