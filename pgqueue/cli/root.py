"""The root command: which commands there are, and how an error is shown."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from pgqueue import __version__
from pgqueue.cli.options import Failure, examples
from pgqueue.errors import PgQueueError
from pgqueue.misspelt import nearest

#: Every command: its module in this package, imported only when the command runs, and its first
#: sentence, so that `pgq --help` need not import it.
COMMANDS = {
    "Run": {
        "demo": ("demo", "Analyse a folder of Python files, and prove what pgqueue promises."),
        "worker": ("worker", "Run jobs until told to stop."),
        "beat": ("beat", "Keep the schedules, without running jobs."),
        "up": ("up", "Start a PostgreSQL that belongs to this directory."),
        "down": ("up", "Stop the PostgreSQL that belongs to this directory."),
        "migrate": ("migrate", "Bring the database's schema to this release's."),
    },
    "See": {
        "status": ("status", "Show jobs, queues and workers at a glance."),
        "inspect": ("inspect", "Ask the workers."),
        "result": ("result", "Print the result of a job."),
        "doctor": ("doctor", "Look for everything that could make jobs slow or stuck."),
        "check-celery": ("check_celery", "Tell what a code base uses of Celery."),
        "bench": ("bench", "Measure what pgqueue does on this database."),
    },
    "Act": {
        "call": ("call", "Enqueue a job."),
        "control": ("control", "Tell running workers what to do."),
        "jobs": ("jobs", "Find, show, retry and cancel jobs."),
        "schedules": ("schedules", "List, add, edit, pause, resume and remove schedules."),
        "queues": ("queues", "List, pause, resume and limit queues; how long they keep jobs."),
        "purge": ("purge", "Cancel every job that waits in a queue."),
    },
}
#: What a word that is too many may be, and the option that it belongs to.
MEANT = (("-Q", "a queue"), ("-A", "the application"))
COMPLETION = """\
Shell completion:
  eval "$(_PGQ_COMPLETE=bash_source pgq)"         in ~/.bashrc
  eval "$(_PGQ_COMPLETE=zsh_source pgq)"          in ~/.zshrc
  _PGQ_COMPLETE=fish_source pgq | source          in ~/.config/fish/config.fish"""


class Root(click.Group):
    """A group that knows its commands by name and imports them one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the help."""
        return [name for section in COMMANDS.values() for name in section] + super().list_commands(
            ctx
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        for section in COMMANDS.values():
            if cmd_name in section:
                module = import_module(f"pgqueue.cli.{section[cmd_name][0]}")
                command: click.Command = getattr(module, cmd_name.replace("-", "_"))
                return command
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; one that is not there may be misspelt."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            meant = nearest(args[0], self.list_commands(ctx)) or self._held_by_groups(ctx, args[0])
            hint = f" Did you mean {meant}?" if meant else ""
            raise click.UsageError(error.message + hint, ctx) from None

    def _held_by_groups(self, ctx: click.Context, name: str) -> str:
        """Return the commands of this name that groups have: `jobs retry`."""
        groups = [(each, self.get_command(ctx, each)) for each in self.list_commands(ctx)]
        return " or ".join(
            f"'pgq {each} {name}'"
            for each, group in groups
            if isinstance(group, click.Group) and name in group.commands
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section."""
        del ctx
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<12}", about) for name, (_, about) in section.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors that speak for themselves come without a traceback."""
        with _explained(), _put_right():
            return super().invoke(ctx)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except PgQueueError as error:
        raise Failure(str(error)) from error
    except Exception as error:
        import psycopg  # noqa: PLC0415 (only if there is an error: it is slow to import)

        if not isinstance(error, psycopg.Error):
            raise
        raise Failure(f"PostgreSQL says: {str(error).strip() or type(error).__name__}") from error


@contextmanager
def _put_right() -> Iterator[None]:
    """Say what may have been meant by words that a command does not take."""
    try:
        yield
    except click.UsageError as error:
        remedy = _remedy(error.message, error.ctx.command) if error.ctx else ""
        if not remedy:
            raise
        raise click.UsageError(error.message + remedy, error.ctx) from None


def _remedy(message: str, command: click.Command) -> str:
    if found := re.match(r"No such command '(.+)'", message):
        at_the_top = any(found[1] in section for section in COMMANDS.values())
        return f" There is 'pgq {found[1]}'." if at_the_top else ""
    if found := re.match(r"Got unexpected extra arguments? \((\S+)", message):
        word = shlex.quote(found[1].rstrip(")"))
        known = {name for each in command.params for name in each.opts}
        if "--args" in known:
            return "; give the arguments of a task as --args '[1, 2]'"
        hints = [f"{what} as {name} {word}" for name, what in MEANT if name in known]
        return f"; give {' or '.join(hints)}" if hints else ""
    return ""


@click.group(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "pgq up                               # a PostgreSQL for this directory, if you have none",
        "pgq worker -A shop                   # shop.py holds app = PgQueue(…) and its tasks",
        "pgq call shop.add --args '[1, 2]' --wait",
        "pgq status",
    )
    + "\n\n\b\n"
    + COMPLETION,
)
@click.option(
    "-A",
    "--app",
    "app_spec",
    metavar="MODULE[:ATTR]",
    help="The application; may stand here or after COMMAND.",
)
@click.version_option(__version__, prog_name="pgqueue")
@click.pass_context
def cli(ctx: click.Context, app_spec: str | None) -> None:
    """A transactional job queue for Python on PostgreSQL alone.

    The application is named by -A, by PGQ_APP, or by app = "…" under [tool.pgqueue] in
    pyproject.toml. The database is, in this order: --dsn; --embedded; the application's own;
    PGQUEUE_DSN, DATABASE_URL or libpq's PG* variables; the one that `pgq up` runs here.

    Exit codes: 0 done; 1 an error, or the answer is no; 2 wrong usage. `pgq result` and `pgq call
    --wait` also exit with 2 when the job has not finished; `pgq inspect` and `pgq control` with 69
    when no worker answers.
    """
    ctx.obj = app_spec


def main() -> None:
    """Run `pgq`."""
    plain = False if os.environ.get("NO_COLOR") else None
    cli.main(prog_name="pgq", color=plain)
