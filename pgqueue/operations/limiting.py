"""Jobs with limits: how they are parked, and let in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pgqueue.allowance import Allowance
from pgqueue.arrays import plain_array, text_array
from pgqueue.operations.values import single_value
from pgqueue.query import Query
from pgqueue.rows import ClaimedJob, LimitRow, LimitsDue

#: How far into each lane a worker looks for jobs to be parked.
HEAD = 2_000


def claim_limited(
    worker_id: int,
    queues: Iterable[str],
    tasks: Iterable[str],
    limit: int,
    freed: Iterable[str] = (),
    *,
    rates: bool = True,
) -> Query[list[ClaimedJob]]:
    """Claim up to `limit` parked jobs of these tasks and queues, as their limits allow.

    `freed`: keys of which jobs have just ended here. `rates`: whether rates count.
    """
    params = {
        "worker_id": worker_id,
        "queues": text_array(queues),
        "tasks": text_array(tasks),
        "limit": limit,
        "freed": text_array(sorted(freed)),
        "rates": rates,
    }
    return Query("claim_limited", params, lambda rows: [ClaimedJob(*row) for row in rows])


def limits_due(queues: Iterable[str], *, rates: bool = True) -> Query[LimitsDue]:
    """Return when there is a limited job to look after, and whether a queue has a rate."""
    params = {"queues": text_array(queues), "rates": rates}
    return Query("limits_due", params, lambda rows: LimitsDue(*rows[0]))


def park(
    queues: Iterable[str],
    tasks: Mapping[str, Allowance],
    limit: int = HEAD,
    *,
    known: Iterable[str] = (),
) -> Query[int]:
    """Park jobs of limited tasks that are due and wait where plain ones do; returns how many.

    In queues with a rate, those of all `known` tasks, which are to be all that the worker knows.
    """
    params = {
        "tasks": text_array(tasks),
        "known": text_array(known),
        "queues": text_array(queues),
        "limit": limit,
        **allowances(list(tasks.values())),
    }
    return Query("park", params, single_value)


def limits(limit: int = 100, *, job: object = None) -> Query[list[LimitRow]]:
    """Return the keys that have limited jobs, those first that are looked at next.

    `job`: only the key of this one, as long as it has not ended.
    """
    params = {"limit": limit, "job": job}
    return Query("limits", params, lambda rows: [LimitRow(*row) for row in rows])


def allowances(limits: Sequence[Allowance]) -> dict[str, Any]:
    """Return the parameters that say which limits jobs have, in their order."""
    return {
        "concurrencies": plain_array(each.max_concurrency for each in limits),
        "rate_limits": text_array(each.rate_limit for each in limits),
        "rate_bursts": plain_array(each.rate_burst for each in limits),
        "names": text_array(each.key_name for each in limits),
        "places": plain_array(each.key_place for each in limits),
    }
