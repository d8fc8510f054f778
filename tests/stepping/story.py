"""Steps as lines that can be read."""

from __future__ import annotations

from typing import Any

from sessions import Sent

from pgqueue.query import Query

#: What is said of a statement's parameters.
SAID = ("id", "ids", "claims", "states", "worker_id", "known", "chosen", "lifeline", "limit")
NIL = "00000000-0000-0000-0000-000000000000"


def about(wanted: Any) -> str:
    """Return what an actor asks for."""
    if isinstance(wanted, Sent):
        wanted = wanted.query
    if not isinstance(wanted, Query):
        return wanted if isinstance(wanted, str) else "writes rows"
    params = wanted.params
    said = [f"{n}={short(params[n])}" for n in SAID if n in params and NIL not in str(params[n])]
    return f"{wanted.name} {' '.join(said)}"


def short(value: Any) -> str:
    """Return a value as text of a bounded length."""
    if isinstance(value, Exception):
        return f"{type(value).__name__}: {str(value).splitlines()[0] if str(value) else ''}"
    if isinstance(value, list) and value and hasattr(value[0], "claim"):
        return str([f"{job.id[:8]}/{job.claim}" for job in value])
    return str(value)[:160]
