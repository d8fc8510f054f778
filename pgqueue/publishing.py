"""What receivers of the publish signals see of a job, and may change: its headers.

They see it as Celery shows a message: `headers` say what and when, `body` is
`(args, kwargs, {…})`, `routing_key` is the queue. Nobody connected: nothing is made.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

from pgqueue.codec import decode, encode
from pgqueue.errors import InvalidOption
from pgqueue.limits import RESERVED, read_notes
from pgqueue.rows import NewJob
from pgqueue.signals import after_task_publish, before_task_publish


def announce(job: NewJob) -> NewJob:
    """Send `before_task_publish`; return the job with the headers that receivers leave.

    Raises `InvalidPayload` if these are not JSON.
    """
    if not before_task_publish.receivers:
        return job
    message = _message(job)
    before_task_publish.send(sender=job.task, **message, **_changeable(job))
    return _changed(job, message["headers"])


async def aannounce(job: NewJob) -> NewJob:
    """Send `before_task_publish` from a coroutine."""
    if not before_task_publish.receivers:
        return job
    message = _message(job)
    await before_task_publish.asend(sender=job.task, **message, **_changeable(job))
    return _changed(job, message["headers"])


def published(job: NewJob) -> None:
    """Send `after_task_publish`: the job is in the database, perhaps not committed yet."""
    if after_task_publish.receivers:
        after_task_publish.send(sender=job.task, **_message(job))


async def apublished(job: NewJob) -> None:
    """Send `after_task_publish` from a coroutine."""
    if after_task_publish.receivers:
        await after_task_publish.asend(sender=job.task, **_message(job))


def _message(job: NewJob) -> dict[str, Any]:
    return {
        "headers": {**_described(job), **_own_headers(job)},
        "body": (
            tuple(decode(job.args)),
            decode(job.kwargs),
            {"callbacks": None, "errbacks": None, "chain": None, "chord": None},
        ),
        "exchange": "",
        "routing_key": job.queue,
    }


def _described(job: NewJob) -> dict[str, Any]:
    """Return what Celery has in a message's headers of itself, as far as it is known here."""
    id_ = str(job.id)
    limits = read_notes(_headers(job).get(RESERVED)).limits
    expires = job.expires.isoformat() if job.expires else None
    return {
        "lang": "py",
        "task": job.task,
        "id": id_,
        "root_id": id_,
        "parent_id": None,
        "group": None,
        "group_index": None,
        "shadow": None,
        "eta": job.eta.isoformat() if job.eta else None,
        "countdown": job.countdown or None,
        "expires": expires or job.expires_in,
        "retries": 0,
        "timelimit": [limits.time_limit, limits.soft_time_limit],
        "argsrepr": job.args,
        "kwargsrepr": job.kwargs,
        "origin": f"{os.getpid()}@{socket.gethostname()}",
    }


def _changeable(job: NewJob) -> dict[str, Any]:
    properties = {"correlation_id": str(job.id), "priority": job.priority, "delivery_mode": 2}
    return {"properties": properties, "declare": [], "retry_policy": {}}


def _changed(job: NewJob, headers: Mapping[str, Any]) -> NewJob:
    own, described = _own_headers(job), _described(job)
    kept = {key: value for key, value in headers.items() if key in own or key not in described}
    if kept == own:
        return job
    if RESERVED in kept:
        raise InvalidOption(f"before_task_publish: headers[{RESERVED!r}] is taken; use another key")
    if note := _headers(job).get(RESERVED):
        kept[RESERVED] = note
    return job._replace(headers=encode(kept, at="headers") if kept else None)


def _own_headers(job: NewJob) -> dict[str, Any]:
    return {key: value for key, value in _headers(job).items() if key != RESERVED}


def _headers(job: NewJob) -> dict[str, Any]:
    return decode(job.headers) if job.headers else {}
