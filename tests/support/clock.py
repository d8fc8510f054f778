"""A database's clock that tests own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg


class Clock:
    """Stands in for `pgqueue.now()` in one database: it stands still unless it is told to move.

    It starts at noon (UTC) of the day, for which the template has partitions.
    """

    def __init__(self, connection: psycopg.Connection, schema: str = "pgqueue") -> None:
        self._connection = connection
        start = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
        connection.execute("create table public.test_clock (now timestamptz not null)")
        connection.execute("insert into public.test_clock values (%s)", [start])
        connection.execute(
            f"create or replace function {schema}.now() returns timestamptz language sql volatile "
            "parallel safe return (select now from public.test_clock)"
        )

    def now(self) -> datetime:
        return self._connection.execute("select now from public.test_clock").fetchone()[0]

    def set(self, moment: datetime) -> None:
        self._connection.execute("update public.test_clock set now = %s", [moment])

    def advance(self, seconds: float = 0, **span: float) -> None:
        """Move on by so many seconds, or by any other span: `advance(days=3)`."""
        self.set(self.now() + timedelta(seconds=seconds, **span))
