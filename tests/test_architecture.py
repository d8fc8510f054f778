"""The house as it is drawn: who may import whom, and where SQL stands."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pgqueue
from pgqueue.statements import FOLDER

PACKAGE = Path(pgqueue.__file__).parent

# A module imports what is in rows below it, and within its row what is to its right. Packages
# stand here as one; within them there are no circles. "pgqueue" is the package's __init__.
HOUSE = """
    contrib dashboard testing cli bench demo migrating
    worker
    loading pgqueue
    shared app
    client
    periodic schedules bulk eager attempt hooks making task enqueueing running canvas declaring
    eager_result result lineage control broadcasts inspection settings options waiting
    operations database pools migrate embedded programs wire transports forks
    query statements binding copying
    publishing log outcomes joining
    apps proxy models discovery
    unique turns ticks cron sun
    retry limits codec states signals config arrays backoff describe identifiers request rows
    allowance
    errors
"""
ROWS = [row.split() for row in HOUSE.strip().splitlines()]
PLACES = {name: (y, x) for y, row in enumerate(ROWS) for x, name in enumerate(row)}

#: Only these talk to PostgreSQL, and so import psycopg; whatever is not named is pure.
TALKERS = {
    *(
        "database",
        "migrate",
        "embedded",
        "waiting",
        "pools",
        "forks",
        "wire",
        "cli",
        "contrib",
        "dashboard",
        "testing",
        "demo",
        "bench",
        "transports",
    ),
    *(
        f"worker.{name}"
        for name in (
            "control",
            "liveness",
            "pump",
            "scheduler",
            "skew",
            "parts",
            "supervisor",
            "wakeup",
            "watching",
        )
    ),
}

#: SQL that is not in a file of `sql/`, and why.
SQL_IN_PYTHON = {
    "migrate": "works before there is a schema, and in one that is not known yet",
    "waiting": "LISTEN takes a name, and so no parameter",
    "worker.wakeup": "the same",
    "database": "pg_backend_pid concerns the connection, not the jobs",
    "demo.app": "a user's code, shown as an example",
    "demo.enqueueing": "the same",
    "demo.run": "the same",
    "demo.place": "the same",
    "cli.checks": "advice that people read and paste",
    "bench.scratch": "the same",
    "cli.demo": "the same",
}
SQL = re.compile(
    r"""\b( insert\s+into | delete\s+from | update\s+\S+\s+set | select\s.*\sfrom
          | select\s+[\w.]+\( | set\s+(local|session)\s | (un)?listen\s+\S+$ | notify\s+\S+$
          | (create|drop)\s+(table|schema|index|function|view) | alter\s+(table|role|database)
          | truncate\s | lock\s+table | (grant|revoke)\s.*\son\s )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def dotted(file):
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts).removesuffix("__init__").rstrip(".") or "pgqueue"


MODULES = {dotted(file): file for file in sorted(PACKAGE.rglob("*.py"))}


@cache
def tree(module):
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imported(node):
    """The full names that an import statement may mean."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"a relative import of {node.module}"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def own(name):
    """The module of ours that an imported name means; None if it is not ours."""
    if name.split(".")[0] != "pgqueue":
        return None
    rest = name.removeprefix("pgqueue").removeprefix(".")
    return next((m for m in (rest, rest.rpartition(".")[0]) if m in MODULES), "pgqueue")


@cache
def imports(module):
    names = {name for node in ast.walk(tree(module)) for name in imported(node)}
    return {found for name in names if (found := own(name))}


def foreign(module):
    names = {name for node in ast.walk(tree(module)) for name in imported(node)}
    return {name.split(".")[0] for name in names}


def room(module):
    return module.split(".")[0]


def reached_from(module):
    reached, ahead = set(), {module}
    while ahead:
        reached |= ahead
        ahead = set().union(*map(imports, ahead)) - reached
    return reached


# ── imports ──


def place(module):
    assert room(module) in PLACES, f"{room(module)} is new: give it a place in HOUSE, above"
    return PLACES[room(module)]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_is_below_it_or_to_its_right(module):
    """So nobody imports a leaf, and the app never imports the worker."""
    others = {other for other in imports(module) if room(other) != room(module)}
    assert not {other for other in others if place(other) < place(module)}


def test_there_are_no_circles():
    TopologicalSorter({module: imports(module) for module in MODULES}).prepare()


def test_who_imports_the_package_pays_neither_for_the_worker_nor_for_a_leaf():
    say = "import pgqueue, sys; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", say], text=True).split()
    rooms = {name.split(".")[1] for name in loaded if name.startswith("pgqueue.")}
    assert "app" in rooms
    assert not rooms & {"worker", *ROWS[0]}
    assert not {"click", "croniter", "ephem", "asyncpg", "sqlalchemy", "django"} & set(loaded)


@pytest.mark.parametrize("module", MODULES)
def test_only_those_that_talk_to_postgresql_import_psycopg(module):
    talks = bool(foreign(module) & {"psycopg", "psycopg_pool"})
    assert not talks or {module, room(module)} & TALKERS


def test_operations_and_what_is_below_reach_no_connection():
    for module in ("operations", "options", "task", "result", "query", "statements"):
        assert not reached_from(module) & {"database", "migrate", "embedded", "waiting"}


@pytest.mark.parametrize("module", MODULES)
def test_no_dependency_is_hidden_under_type_checking(module):
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            hidden = [name for inner in ast.walk(node) for name in imported(inner) if own(name)]
            assert not hidden


# ── SQL ──


def test_every_file_of_sql_is_one_operation_of_the_same_name():
    """A line of SQL is found by its verb: `finish` is operations.finish and sql/finish.sql."""
    queries = [
        (function.name, call.args[0].value)
        for module in MODULES
        if module.startswith("operations.")
        for function in tree(module).body
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("Query", "Copy")
    ]
    assert all(function == query for function, query in queries)
    assert Counter(query for _, query in queries) == Counter(
        file.stem for file in FOLDER.glob("*.sql") if file.stem != "schema"
    )


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def texts(module):
    """The string literals of a module except docstrings, with {} for what f-strings put in."""
    passed_over = {
        id(node.value)
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Expr) and is_text(node.value)
    }
    for node in ast.walk(tree(module)):  # f-strings come before their parts
        if isinstance(node, ast.JoinedStr):
            passed_over |= {id(part) for part in node.values}
            yield "".join(
                part.value if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif is_text(node) and id(node) not in passed_over:
            yield node.value


@pytest.mark.parametrize("module", MODULES)
def test_sql_stands_in_files_of_sql(module):
    found = [text for text in texts(module) if SQL.search(text)]
    assert not found or module in SQL_IN_PYTHON


def test_the_exceptions_are_needed():
    for module in SQL_IN_PYTHON.keys() & MODULES.keys():
        assert any(SQL.search(text) for text in texts(module)), module
    for module in TALKERS & MODULES.keys() - set(map(room, MODULES)):
        assert "psycopg" in foreign(module), module
