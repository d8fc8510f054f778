"""How long a run may take, and what a job's headers say of it: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pgqueue.errors import InvalidOption

#: The key of a job's headers under which pgqueue keeps what only few jobs have.
RESERVED = "pgqueue"
#: Seconds, about 30 years: timers of the platform do not reach much further.
LONGEST = 10**9


class Limits(NamedTuple):
    """Seconds after which a run is killed, and asked to end; None: no limit."""

    time_limit: float | None = None
    soft_time_limit: float | None = None

    def over(self, others: Limits) -> Limits:
        """Return these limits, and the others where these say nothing.

        >>> Limits(time_limit=5.0).over(Limits(60.0, 30.0))
        Limits(time_limit=5.0, soft_time_limit=30.0)
        """
        hard, soft = self
        return Limits(
            others.time_limit if hard is None else hard,
            others.soft_time_limit if soft is None else soft,
        )


NO_LIMITS = Limits()


class Notes(NamedTuple):
    """What a job's headers say to the worker; `alone`: beside no other job in its process."""

    limits: Limits = NO_LIMITS
    alone: bool = False


NO_NOTES = Notes()


def checked_limits(time_limit: object, soft_time_limit: object) -> Limits:
    """Return limits if they are such; refuse what is no span of time, or never reached.

    >>> checked_limits(60, 50)
    Limits(time_limit=60.0, soft_time_limit=50.0)
    """
    hard = _checked("time_limit", time_limit)
    soft = _checked("soft_time_limit", soft_time_limit)
    if hard is not None and soft is not None and soft > hard:
        raise InvalidOption(
            f"soft_time_limit={soft:g} is over time_limit={hard:g}: the run would be killed before "
            "it is asked to end; give less"
        )
    return NO_LIMITS if hard is soft is None else Limits(hard, soft)


def noted(
    headers: Mapping[str, Any] | None, limits: Limits, others: Mapping[str, Any] | None = None
) -> Mapping[str, Any] | None:
    """Return a job's headers with its limits and other notes, if it has any.

    >>> noted({"trace": "t"}, Limits(time_limit=5.0))
    {'trace': 't', 'pgqueue': {'time_limit': 5.0}}
    """
    given = {name: value for name, value in limits._asdict().items() if value is not None}
    given.update(others or {})
    return {**(headers or {}), RESERVED: given} if given else headers


def read_notes(note: object) -> Notes:
    """Return what is under the reserved key of a job's headers; raises `InvalidOption`.

    >>> read_notes({"time_limit": 5, "alone": True})
    Notes(limits=Limits(time_limit=5.0, soft_time_limit=None), alone=True)
    """
    if note is None:
        return NO_NOTES
    if not isinstance(note, dict):
        raise InvalidOption(f"headers[{RESERVED!r}]={note!r}: give an object")
    limits = checked_limits(note.get("time_limit"), note.get("soft_time_limit"))
    return Notes(limits, note.get("alone") is True)


def _checked(name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= LONGEST:
        return float(value)
    raise InvalidOption(
        f"{name}={value!r}: give a number of seconds, above 0 and up to {LONGEST:,}, or None"
    )
