"""What commands share that ask or tell workers something: whom, for how long, what is shown."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from pgqueue.cli import formats
from pgqueue.cli.options import database_options, names

R = TypeVar("R")

#: Celery's exit code, EX_UNAVAILABLE: no worker has answered.
NOBODY = 69


def node_options(function: Callable[..., R]) -> Callable[..., R]:
    """Add -d, -t, -j and the options of the database."""

    @functools.wraps(function)
    def asked(destination: tuple[str, ...], **others: Any) -> R:
        return function(destination=list(names(destination)) or None, **others)

    # Not wrapped: the options of the database give their target as the first argument.
    def with_target(target: Any, **others: Any) -> R:
        return asked(target=target, **others)

    wrapped = database_options(functools.wraps(function)(with_target))
    for option in (_JSON, _TIMEOUT, _DESTINATION):
        wrapped = option(wrapped)
    return wrapped


_DESTINATION = click.option(
    "-d", "--destination", multiple=True, metavar="WORKER,…", help="Only these workers, by name."
)
_TIMEOUT = click.option(
    "-t",
    "--timeout",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for answers; all there are end it sooner.",
)
_JSON = click.option("-j", "--json", "as_json", is_flag=True, help="Print one JSON document.")


@contextmanager
def controlled(target: Any) -> Iterator[Any]:
    """Lend the `Control` of the database that the options name."""
    from pgqueue.client import Client  # noqa: PLC0415 (only if the command runs)

    with target.session() as session:
        client = Client(dsn=session.dsn, schema=session.schema, max_connections=1)
        try:
            yield client.control
        finally:
            client.close()


def nobody(timeout: float, *, as_json: bool, empty: Any) -> None:
    """Say that no worker has answered, and end the command with Celery's exit code for that."""
    if as_json:
        formats.emit(empty)
    click.echo(f"no worker answered within {timeout:g} s", err=True)
    click.get_current_context().exit(NOBODY)
