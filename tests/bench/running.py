"""A `pgq bench` as a process."""

from __future__ import annotations

import os
import subprocess
import sys

PATIENCE = 120.0
#: 300 jobs, 0.2 seconds, 20 to pick up.
TINY = ("--scale", "0.1", "--jobs", "3000", "--seconds", "2", "--producers", "2")


class Bench:
    """A `pgq bench` under way."""

    def __init__(self, dsn, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pgqueue.cli", "bench", *arguments],
            env={**os.environ, "COLUMNS": "100", "PGQUEUE_DSN": dsn},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def said(self, what):
        """Wait until it says what it is doing."""
        for line in self.process.stderr:
            if what in line:
                return
        raise AssertionError(f"it ended and never said {what!r}")

    def ended(self):
        """Wait for the end; return the exit code, and what it printed."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err
