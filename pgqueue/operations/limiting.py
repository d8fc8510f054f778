"""Jobs with limits: how they are parked, and let in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pgqueue.allowance import Allowance
from pgqueue.arrays import plain_array, text_array
from pgqueue.operations.values import single_value
from pgqueue.query import Query
from pgqueue.rows import ClaimedJob, LimitRow

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


def limits_due(queues: Iterable[str]) -> Query[float | None]:
    """Return the seconds until there is a limited job to look after; None if there is none."""
    return Query("limits_due", {"queues": text_array(queues)}, single_value)


def park(queues: Iterable[str], tasks: Mapping[str, Allowance], limit: int = HEAD) -> Query[int]:
    """Park jobs of limited tasks that are due and wait where plain ones do; returns how many."""
    params = {
        "tasks": text_array(tasks),
        "queues": text_array(queues),
        "limit": limit,
        **allowances(list(tasks.values())),
    }
    return Query("park", params, single_value)


def limits(limit: int = 100) -> Query[list[LimitRow]]:
    """Return the keys that have limited jobs, those first that are looked at next."""
    return Query("limits", {"limit": limit}, lambda rows: [LimitRow(*row) for row in rows])


def allowances(limits: Sequence[Allowance]) -> dict[str, Any]:
    """Return the parameters that say which limits jobs have, in their order."""
    return {
        "concurrencies": plain_array(each.max_concurrency for each in limits),
        "rate_limits": text_array(each.rate_limit for each in limits),
        "rate_bursts": plain_array(each.rate_burst for each in limits),
        "names": text_array(each.key_name for each in limits),
        "places": plain_array(each.key_place for each in limits),
    }
