"""What the parameters of operations are made of, and how their rows are read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pgqueue.arrays import plain_array
from pgqueue.query import Row
from pgqueue.rows import (
    Lost,
    Released,
)


def set_of_ids(rows: Sequence[Row]) -> set[str]:
    return {row[0] for row in rows}


def single_value(rows: Sequence[Row]) -> Any:
    return rows[0][0]


def nothing(rows: Sequence[Row]) -> None:
    del rows


def claim_pairs(jobs: Sequence[Released] | Sequence[Lost]) -> dict[str, Any]:
    pairs = sorted((job.id, job.claim) for job in jobs)
    return {"ids": plain_array(i for i, _ in pairs), "claims": plain_array(c for _, c in pairs)}


def timestamp(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
