"""What a worker answers to probes.

It lives as long as its loops go round. It is ready while its children are, on a primary that takes
its heartbeats, and nobody has asked it to stop.
"""

from __future__ import annotations

import time

from pgqueue.worker.board import HUNG, Board
from pgqueue.worker.control import Control
from pgqueue.worker.crew import Crew
from pgqueue.worker.health import Page, Report
from pgqueue.worker.liveness import HEARTBEAT, Liveness
from pgqueue.worker.shutdown import Shutdown

#: A heartbeat that was committed so many seconds ago still proves that the database takes writes.
FRESH = 3 * HEARTBEAT
#: SQLSTATEs of a heartbeat for which the schema is not there: table, function, column, schema.
NO_SCHEMA = ("42P01", "42883", "42703", "3F000")


class Probes:
    """Gathers what the parts of a worker know of themselves; the pages may be read in any thread.

    `/livez` does not ask for PostgreSQL: a loop that waits for it lives.
    """

    def __init__(self, board: Board, shutdown: Shutdown, crew: Crew) -> None:
        self._board = board
        self._shutdown = shutdown
        self.crew = crew
        self._database: tuple[Control, Liveness] | None = None

    def pages(self) -> dict[str, Page]:
        """Return what is served under which path."""
        return {"/livez": self.live, "/readyz": self.ready}

    def begun(self, control: Control, liveness: Liveness) -> None:
        """Note the parts that know of the database, once the worker is registered there."""
        self._database = (control, liveness)

    def live(self) -> Report:
        """Report every loop; a single one that hangs is reason enough to start the worker anew."""
        states = self._board.states()
        return Report(HUNG not in states.values(), states)

    def ready(self) -> Report:
        """Report whether a job that is enqueued now could run here."""
        database, schema = self._ask_database()
        states = {
            "worker": self._stage(),
            "children": "ready" if self.crew.slots else "none",
            "database": database,
            "schema": schema,
        }
        well = {"worker": "running", "children": "ready", "database": "writable", "schema": "known"}
        return Report(states == well, states)

    def _stage(self) -> str:
        if self._shutdown.under_way:
            return "stopping"
        return "running" if self._database else "starting"

    def _ask_database(self) -> tuple[str, str]:
        if self._database is None:
            return "unknown", "unknown"
        control, liveness = self._database
        if control.connected and liveness.refusal:
            return "refusing", "missing" if liveness.refusal in NO_SCHEMA else "unknown"
        if not control.connected or time.monotonic() - liveness.beat_at > FRESH:
            return "away", "unknown"
        return "writable", "known"
