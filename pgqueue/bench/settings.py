"""What was measured on: a figure means nothing without it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

import psycopg

from pgqueue import __version__
from pgqueue.bench.plan import Bench, Size
from pgqueue.bench.worker import APP

PREPARED = "tables emptied before each part (truncate); no vacuum, analyze or checkpoint by hand"


@dataclass(frozen=True, slots=True)
class Settings:
    """Server, client and size of a run; the server's settings as it says them."""

    postgresql: str
    database: str
    where: str
    server: dict[str, str]
    python: str
    psycopg: str
    pgqueue: str
    machine: str
    cores: int
    load: tuple[float, ...]
    worker: str
    prepared: str
    size: Size


def read(bench: Bench) -> Settings:
    """Return what this run is made on."""
    info = bench.scratch.connection.info
    names = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size",
             "checkpoint_timeout", "autovacuum")  # fmt: skip
    version, *values = bench.scratch.ask("facts")[0]
    where = info.host if info.host.startswith("/") else f"{info.host}:{info.port}"
    here = "this machine" if bench.meter.is_local else "elsewhere: its processors are not measured"
    return Settings(
        postgresql=version.split()[0],
        database=info.dbname,
        where=f"{where}, {here}",
        server=dict(zip(names, values, strict=True)),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        psycopg=f"{psycopg.__version__} ({psycopg.pq.__impl__}, libpq {_libpq()})",
        pgqueue=__version__,
        machine=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count() or 1,
        load=os.getloadavg(),
        worker=f"pgq worker -A {APP}",
        prepared=PREPARED,
        size=bench.size,
    )


def _libpq() -> str:
    major, minor = divmod(psycopg.pq.version(), 10000)
    return f"{major}.{minor}"
