"""How far a run is, and how that looks."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass

import click

PLAIN_INTERVAL = 2.0  # seconds between lines where a line cannot be written over


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; `seconds` since its start."""

    enqueued: int = 0
    rolled_back: int = 0
    waiting: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    seconds: float = 0.0

    @property
    def unfinished(self) -> int:
        """How many jobs have not ended."""
        return self.waiting + self.running

    @property
    def finished(self) -> int:
        """How many jobs have ended."""
        return self.succeeded + self.failed

    @property
    def per_second(self) -> float:
        """How many jobs have ended per second."""
        return self.finished / self.seconds if self.seconds else 0.0


class ProgressLine:
    """One line that is written over in a terminal; elsewhere a new one every now and then."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._next = time.monotonic() + PLAIN_INTERVAL
        self._text = ""

    def show(self, p: Progress) -> None:
        """Show how far the run is."""
        self._text = (
            f"  enqueued {p.enqueued:,}   waiting {p.waiting:,}   running {p.running:,}   "
            f"succeeded {p.succeeded:,}   failed {p.failed:,}   {p.per_second:,.0f} jobs/s"
        )
        if self._live:
            room = shutil.get_terminal_size().columns - 1
            click.echo(f"\r\x1b[K{self._text[:room]}", nl=False)
        elif time.monotonic() >= self._next:
            self._next += PLAIN_INTERVAL
            self.end()

    def end(self) -> None:
        """Leave the line as it is."""
        if self._text:
            click.echo("" if self._live else self._text)
        self._text = ""
