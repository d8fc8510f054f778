"""Whether this release can work with the schema, which a newer one may change meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn

import psycopg

from pgqueue import migrate, operations
from pgqueue.errors import SchemaMismatch
from pgqueue.worker.board import rest, tick
from pgqueue.worker.control import Control

log = logging.getLogger("pgqueue.worker")

#: So often a worker looks whether the schema is still one for it, in seconds.
INTERVAL = 10.0


async def check(control: Control) -> list[str]:
    """Return the newer migrations that this release can work with; see `migrate.check`."""
    try:
        files = await control.run(operations.schema_files())
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        files = []
    return migrate.check(files, control.schema)


async def watch(control: Control, stop: Callable[[SchemaMismatch], None]) -> NoReturn:
    """Say once what is newer, and stop the worker when it cannot work with it, for ever."""
    said: list[str] = []
    while True:
        tick()
        try:
            newer = migrate.check(await control.run(operations.schema_files()), control.schema)
        except SchemaMismatch as mismatch:
            stop(mismatch)
            await rest(asyncio.Event())
        except psycopg.Error:
            newer = said  # that is others' news; so is a schema that is gone, and may come back
        if newer != said:
            said = newer
            text = "schema %r has %s of a newer release: this one goes on, upgrade it soon"
            log.warning(text, control.schema, ", ".join(newer))
        await asyncio.sleep(INTERVAL)
