"""How the worker's log lines look: for a person by default, one JSON object a line on request."""

from __future__ import annotations

import json
import logging
import sys
import time

from pgqueue.describe import one_line

FORMATS = ("human", "json")
LEVELS = ("debug", "info", "warning", "error")


def configure_logging(level: str, style: str, process: str) -> None:
    """Send every log line of this process to standard error in the given style."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process) if style == "json" else HumanFormatter(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # An outage is said once, by the worker, and not by every pipeline that it breaks.
    logging.getLogger("psycopg").setLevel(logging.ERROR)


class HumanFormatter(logging.Formatter):
    """`10:24:56.123 INFO    worker-1  message`."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a message cannot forge another one."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        head = f"{clock}.{int(record.msecs):03d} {record.levelname:<7} {self._process:<10} "
        line = head + one_line(record.getMessage())
        if record.exc_info:
            text = self.formatException(record.exc_info)
            line += "\n" + "\n".join("    " + one_line(part) for part in text.splitlines())
        return line


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
            "message": record.getMessage(),
            **getattr(record, "about", {}),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)
