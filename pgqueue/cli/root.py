"""The root command: options that every command shares, and how errors are shown."""

from __future__ import annotations

import sys

import click
import psycopg

from pgqueue import __version__
from pgqueue.cli.worker import worker
from pgqueue.errors import PgQueueError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pgqueue")
def cli() -> None:
    """A transactional job queue for Python on PostgreSQL alone."""


cli.add_command(worker)


def main() -> None:
    """Run `pgq`."""
    try:
        cli.main(standalone_mode=True)
    except PgQueueError as error:
        click.echo(f"pgq: {error}", err=True)
        sys.exit(1)
    except psycopg.OperationalError as error:
        click.echo(f"pgq: {str(error).strip()}", err=True)
        sys.exit(1)
