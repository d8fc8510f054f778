"""What canvas writes: edges, and what jobs note beside the user's headers. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pgqueue.codec import decode, encode
from pgqueue.limits import RESERVED
from pgqueue.rows import Edge, NewJob

#: Quicker than `encode`, which looks for what cannot be written.
_written = json.JSONEncoder(separators=(",", ":")).encode


def become(ids: Sequence[UUID], child: UUID, *, many: bool) -> list[Edge]:
    """Return the edges through which a job becomes the result of one job, or the list of many."""
    if many:
        return [Edge(parent, child, "become", place) for place, parent in enumerate(ids)]
    return [Edge(ids[0], child, "become", -1)]


def noted(job: NewJob, notes: Mapping[str, Any]) -> NewJob:
    """Return a job whose headers say something more to the worker.

    >>> from pgqueue.identifiers import uuid7
    >>> noted(NewJob(uuid7(), "add", "[]", "{}"), {"errback": True}).headers
    '{"pgqueue":{"errback":true}}'
    """
    return job._replace(headers=headers_with(notes, job.headers)) if notes else job


def headers_with(notes: Mapping[str, Any], headers: str | None) -> str:
    """Return headers, as JSON, with notes of ours, which are short and plain."""
    if headers is None:
        return f'{{"{RESERVED}":{_written(notes)}}}'
    found = decode(headers)
    found[RESERVED] = {**found.get(RESERVED, {}), **notes}
    return encode(found, at="headers")


def template(job: NewJob, *, immutable: bool) -> str:
    """Return the JSON of a job that may be inserted later, if another one fails."""
    said = {
        "task": job.task,
        "queue": job.queue,
        "priority": job.priority,
        "max_attempts": job.max_attempts,
        "countdown": job.countdown or None,
        "eta": job.eta.isoformat() if job.eta else None,
        "expires": job.expires.isoformat() if job.expires else None,
        "expires_in": job.expires_in,
        "immutable": immutable or None,
    }
    texts = {"args": job.args, "kwargs": job.kwargs, "headers": job.headers}
    texts |= {name: encode(value, at=name) for name, value in said.items() if value is not None}
    return "{" + ",".join(f'"{name}":{text}' for name, text in texts.items() if text) + "}"
