"""The reference names everything that is public, and nothing that is not there."""

from __future__ import annotations

import dataclasses
import inspect
import re

import click
import pytest
from blocks import ROOT, first_cells, names, page

import pgqueue
from pgqueue import AsyncResult, PgQueue, PgQueueError, Signature, Task, codec, describe
from pgqueue.cli.root import cli
from pgqueue.config import _LIBPQ
from pgqueue.declaring import TaskOptions
from pgqueue.options import MAX_NAME_BYTES, Options
from pgqueue.request import Request
from pgqueue.result import JobRow
from pgqueue.retry import RetryPolicy
from pgqueue.task import Call
from pgqueue.worker.duties import MAX_CRASHES
from pgqueue.worker.pacing import MAX_CLAIM
from pgqueue.worker.settings import WorkerOptions

REFERENCE = page("reference.md")
SHARED = "Shared options"
HELP = {"-h", "--help"}
#: Where the environment is read, other than to pass it on.
_ENVIRON = re.compile(r"""(?:environ(?:\.get\(|\.pop\(|\[)|environ\.get\(|putenv\()["'](\w+)["']""")


def text(title: str) -> str:
    """A section of the reference."""
    return REFERENCE.section(title)


def documented(*sections: str) -> list[str]:
    """The names in the tables of sections."""
    return [name for title in sections for name in names(first_cells(text(title)))]


def public(kind: type, *more: str) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")} | set(more)


def given(kind: type) -> set[str]:
    """The public attributes that the constructor sets."""
    source = inspect.getsource(kind.__init__)
    return set(re.findall(r"self\.([a-z]\w*)(?:: [^=]+)? = ", source))


def parameters(function: object) -> set[str]:
    return set(inspect.signature(function).parameters) - {"self"}


def fields(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def test_the_application():
    assert set(documented("PgQueue")) == public(PgQueue) | given(PgQueue) | parameters(
        PgQueue.__init__
    ) | {"conf"}


def test_its_defaults():
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(PgQueue).parameters.items()
        if parameter.default
    }
    for name, default in defaults.items():
        assert re.search(
            rf"^\| `{name}` \| `{default!r}` ".replace("'", '"'), text("PgQueue"), re.MULTILINE
        )


def test_task_options():
    assert set(documented("Task options")) == {*TaskOptions.__annotations__, "bind", "base"}


def test_defaults_of_retrying():
    for field in dataclasses.fields(RetryPolicy):
        shown = re.search(rf"^\| `{field.name}` \| `(.+?)` ", text("Task options"), re.MULTILINE)[1]
        assert (eval(shown) or None) == (field.default or None), field.name


def test_call_options():
    assert set(documented("Call options")) == set(Options.__annotations__)
    assert "`connection`" in text("Call options")


def test_tasks():
    assert set(documented("Task")) == public(
        Task, "name", "run", "function", "is_async", "database"
    )
    assert public(Call) <= set(documented("Task"))


def test_signatures():
    assert set(documented("Signature")) == public(Signature) - set(dir(dict))


def test_results():
    handle = text("AsyncResult").split("### EagerResult")[0]
    listed = [line.split("|")[1:3] for line in handle.splitlines() if line.startswith("| `")]
    states = {"PENDING", "STARTED", "RETRY", "SUCCESS", "FAILURE", "REVOKED", "IGNORED"}
    found = {name for row in listed for name in names(row)} - {"queued", "waiting", "running"}
    assert (
        found - {"succeeded", "failed", "cancelled"} | {"failed"}
        == public(AsyncResult, "id") | states
    )


def test_rows():
    assert set(documented("The row")) == fields(JobRow)


def test_requests():
    assert set(documented("Request")) == fields(Request) | public(Request)


def test_exceptions():
    exported = {
        name
        for name in pgqueue.__all__
        if isinstance(kind := getattr(pgqueue, name), type) and issubclass(kind, PgQueueError)
    }
    assert set(documented("Exceptions")) == exported


@pytest.mark.parametrize("name", documented("Exceptions"))
def test_what_else_an_exception_is(name):
    (row,) = re.findall(rf"^\| `{name}` \| (.*?)\|", text("Exceptions"), re.MULTILINE)
    others = {base.__name__ for base in getattr(pgqueue, name).__mro__} - {name}
    said = set(re.findall(r"`(\w+)`", row))
    assert said <= others
    assert {"ValueError", "TypeError", "LookupError", "TimeoutError"} & others <= said


def test_everything_exported_is_named():
    for name in pgqueue.__all__:
        assert name == "__version__" or f"`{name}" in REFERENCE.text


def test_types():
    shown = set(documented("Values"))
    kinds = {getattr(kind, "__name__", str(kind)) for kind in codec._WRITERS}
    assert kinds - {"NoneType", "tuple"} | {"None"} == shown
    for tag in codec._TAGS:
        assert f'{{"{tag}": ' in text("Values")


def test_limits():
    section = text("Limits")
    for limit in (
        f"{codec.MAX_BYTES // 2**20} MiB",
        f"{codec.MAX_DEPTH} levels",
        f"{codec.MAX_DIGITS:,} digits",
        f"{MAX_NAME_BYTES} bytes",
        f"{describe.MAX_SUMMARY_BYTES // 1024} KiB, {describe.MAX_TRACEBACK_BYTES // 1024} KiB",
        f"{MAX_CLAIM} |",
        f"| {MAX_CRASHES - 1};",
    ):
        assert limit in section, limit


def test_environment():
    read = {
        name
        for path in (ROOT / "pgqueue").rglob("*.py")
        for name in _ENVIRON.findall(path.read_text(encoding="utf-8"))
    }
    everybodys = {"PATH", "PYTHONPATH"}
    assert set(documented("Environment")) == read - everybodys | set(_LIBPQ)


def test_settings_of_a_worker():
    (default,) = [f.default for f in dataclasses.fields(WorkerOptions) if f.name == "grace"]
    assert re.search(rf"^\| `--grace SECONDS` \| {default:g} \|", text("pgq worker"), re.MULTILINE)


# ── the commands ─────────────────────────────────────────────────────────────────────────────


def _commands(command: click.Command, path: str) -> dict[str, click.Command]:
    if not isinstance(command, click.Group):
        return {path: command}
    context = click.Context(command)
    found = {}
    for name in command.list_commands(context):
        found |= _commands(command.get_command(context, name), f"{path} {name}")
    return found


COMMANDS = _commands(cli, "pgq")


def _flags(command: click.Command) -> set[str]:
    return {opt for param in command.params for opt in param.opts if opt.startswith("-")}


def test_every_command_has_a_section():
    sections = {title for title in REFERENCE.headings if title.startswith("pgq ")}
    assert sections == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command(name):
    shared = set(documented(SHARED))
    flags, shown = _flags(COMMANDS[name]), set(documented(name))
    assert flags - shared <= shown <= flags
    missing = shared - flags
    if missing:  # those that most commands have, and this one has not
        assert re.search(r"(?i)shared option|no options", text(name)), missing


def test_root_options():
    assert set(documented("The commands")) >= _flags(cli) | HELP


@pytest.mark.parametrize("name", COMMANDS)
def test_defaults_and_choices_of_a_command(name):
    section = text(name)
    for param in COMMANDS[name].params:
        if isinstance(param.type, click.Choice):
            assert all(f"`{choice}`" in section for choice in param.type.choices), param.name
        if isinstance(param.default, (int, float, str)) and param.show_default:
            shown = f"{param.default:g}" if isinstance(param.default, float) else str(param.default)
            (row,) = re.findall(rf"^\| .*?`{param.opts[-1]} .*", section, re.MULTILINE)
            assert re.search(rf"\b{re.escape(shown)}\b", row), param.name
