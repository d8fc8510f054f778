"""Loggers for tasks: their records say in which run they were written."""

from __future__ import annotations

import logging

from pgqueue.errors import InvalidOption
from pgqueue.request import current

#: The parent of every logger for tasks: its handlers and level are those of what tasks log.
TASK_LOGGER = "pgqueue.task"
#: What stands for the task and the job outside of a run.
NOBODY = "???"


def get_task_logger(name: str) -> logging.Logger:
    """Return the logger of this name for use in tasks; give `__name__`.

    Its records have `task_id` and `task_name`, for formats such as
    `%(task_name)s[%(task_id)s] %(message)s`; outside of a run both are `???`. Its parent is the
    logger `pgqueue.task`, whatever its name is. Raises `InvalidOption` for pgqueue's own names.

    >>> get_task_logger("shop.tasks").parent.name
    'pgqueue.task'
    """
    if not name or name.split(".", maxsplit=1)[0] == "pgqueue":
        raise InvalidOption(f"get_task_logger({name!r}): give the name of your module, __name__")
    logger = logging.getLogger(name)
    # Once these are there, nothing takes their place between the logger and its new parent.
    for number, letter in enumerate(name):
        if letter == ".":
            logging.getLogger(name[:number])
    logger.parent = logging.getLogger(TASK_LOGGER)
    if not any(isinstance(each, _SaysWhichRun) for each in logger.filters):
        logger.addFilter(_SaysWhichRun())
    return logger


class _SaysWhichRun(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        say_which_run(record)
        return True


def say_which_run(record: logging.LogRecord) -> None:
    """Have a record say in which run it was written, if it does not yet."""
    if "task_id" not in vars(record):
        request = current.get()
        record.task_id = NOBODY if request is None else request.id
        record.task_name = NOBODY if request is None else request.task


class TaskFormatter(logging.Formatter):
    """A `logging.Formatter` for formats with `%(task_id)s` and `%(task_name)s`.

    For handlers of your own that also get records of other loggers than `get_task_logger`'s.

    >>> record = logging.makeLogRecord({"msg": "hello"})
    >>> TaskFormatter("%(task_name)s[%(task_id)s] %(message)s").format(record)
    '???[???] hello'
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        say_which_run(record)
        return super().format(record)
