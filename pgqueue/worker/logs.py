"""How the worker's log lines look: for a person by default, one JSON object a line on request."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time

from pgqueue.describe import describe_exception, one_line, shortened

FORMATS = ("human", "json")
LEVELS = ("debug", "info", "warning", "error")


def configure_logging(level: str, style: str, process: str) -> None:
    """Send every log line of this process to standard error in the given style."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process) if style == "json" else HumanFormatter(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    _catch_strays()
    # An outage is said once, by the worker, and not by every pipeline that it breaks.
    logging.getLogger("psycopg").setLevel(logging.ERROR)


def _catch_strays() -> None:
    """Log what Python would print as it is: whatever it says, it must not look like our lines."""
    logging.captureWarnings(True)
    strays = logging.getLogger("pgqueue.stray")

    def died(about: threading.ExceptHookArgs) -> None:
        name = about.thread.name if about.thread else "?"
        if about.exc_value is not None:
            strays.error("thread %s died", name, exc_info=about.exc_value)

    def ignored(about: sys.UnraisableHookArgs) -> None:
        where = shortened(about.object)
        if about.exc_value is not None:
            strays.error("nobody could catch this, in %s", where, exc_info=about.exc_value)

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
    return describe_exception(error)[1].rstrip("\n") if error else ""


class HumanFormatter(logging.Formatter):
    """`10:24:56.123 INFO    worker-1  message`."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a message cannot forge another one."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        head = f"{clock}.{int(record.msecs):03d} {record.levelname:<7} {self._process:<10} "
        lines = [head + one_line(_message(record))]
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
            **getattr(record, "about", {}),
        }
        if text := _exception(record):
            fields["exception"] = text
        return json.dumps(fields, default=shortened)
