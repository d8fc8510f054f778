"""`pgq doctor`: what could make jobs slow or stuck."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict

import click

from pgqueue.cli import formats, tables
from pgqueue.cli.checks import OK, PROBLEM, WARNING, Finding, examine
from pgqueue.cli.database import Target
from pgqueue.cli.options import database_options, examples, json_option
from pgqueue.describe import one_line
from pgqueue.errors import ConfigurationError

COLOURS = {OK: "green", WARNING: "yellow", PROBLEM: "red"}
LEVEL, CHECK = 9, 13  # columns


@click.command(
    epilog=examples("pgq doctor", "pgq doctor --json | jq '.[] | select(.level != \"ok\")'")
)
@json_option
@database_options
def doctor(target: Target, as_json: bool) -> None:
    """Look for everything that could make jobs slow or stuck.

    Every line is ok, a warning or a problem, with what to do. Nothing is changed; workers are asked
    for a heartbeat. Exit codes: 0 no problem; 1 a problem.
    """
    findings: list[Finding] = []
    for finding in _findings(target):
        if not as_json:
            known = findings and findings[-1].advice == finding.advice
            _show(finding, "" if known else finding.advice)
        findings.append(finding)
    if as_json:
        formats.emit([asdict(finding) for finding in findings])
    else:
        click.echo(_summary(findings))
    problems = any(finding.level == PROBLEM for finding in findings)
    click.get_current_context().exit(1 if problems else 0)


def _findings(target: Target) -> Iterator[Finding]:
    connected = False
    try:
        with target.session(migrated=False) as session:
            connected = True
            user = session.connection.info.user
            yield Finding(OK, "connection", f"{session.name}, as {user}")
            yield from examine(session)
    except ConfigurationError as error:
        if connected:
            raise
        yield Finding(PROBLEM, "connection", str(error))


def _show(finding: Finding, advice: str) -> None:
    level = click.style(f"{finding.level:<{LEVEL}}", fg=COLOURS[finding.level], bold=True)
    first, *rest = [*_lines(finding.text), *_lines(advice)]
    click.echo(f"{level}{finding.check:<{CHECK}}{first}")
    for line in rest:
        click.echo(" " * (LEVEL + CHECK) + line)


def _lines(text: str) -> list[str]:
    width = tables.width()
    lines = [one_line(line) for line in text.splitlines()]
    if width is None:
        return lines
    room = max(20, width - LEVEL - CHECK)
    return [part for line in lines for part in textwrap.wrap(line, room, break_on_hyphens=False)]


def _summary(findings: list[Finding]) -> str:
    counts = {level: sum(f.level == level for f in findings) for level in (PROBLEM, WARNING)}
    if not any(counts.values()):
        return "\nall is well"
    return "\n" + ", ".join(formats.plural(n, level) for level, n in counts.items() if n)
