"""Plays a page: does what it tells its reader to do, in order, in a folder of its own.

* python: every statement is run; `# → 3` after an expression is its value, `# raises ValueError`
  what a statement raises. A block that is a file is written, and imported.
* sql: is run on one connection in autocommit mode.
* bash: is run; it must end with status 0.
* console: what follows a command (`$ …`) is what it prints, and the command must end with status 0.
* `pgq worker …` in either starts a worker, which replaces an earlier one.

In what is printed, `…` stands for anything on a line, and on a line of its own for any lines. An
id that a page shows stands for the one that is printed there, also in the blocks that follow.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from blocks import Block

from pgqueue import PgQueue
from support.workers import Worker

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_EXPECTED = re.compile(r"#\s+(→|raises)\s+(.+)$")


class PageWorker(Worker):
    """A `pgq worker` of the application that the page has written."""

    def __init__(self, command: str, folder: Path, log: Path) -> None:
        self._log = log
        arguments = [sys.executable, "-m", "pgqueue.cli", *shlex.split(command, comments=True)[1:]]
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(arguments, cwd=folder, stdout=stderr, stderr=stderr)


class Play:
    """One page under way."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self._folder = folder
        self._dsn = dsn
        self._names = {"__name__": "page"}
        self._modules: set[str] = set()
        self._ids: dict[str, str] = {}
        self._worker: PageWorker | None = None
        #: The rows of every query of a sql block that was run, by the block.
        self.rows: dict[Block, list[list[tuple]]] = {}

    def run(self, block: Block) -> None:
        """Do what a block says."""
        try:
            if block.file:
                self._write(block, *block.file)
            else:
                getattr(self, f"_{block.language}")(block)
        except BaseException as error:
            error.add_note(f"in {block}")
            raise

    def end(self) -> None:
        """Leave nothing of it."""
        if self._worker:
            self._worker.destroy()
        self._close_apps(self._names)
        for name in list(self._modules):
            self._forget(name)

    # ── files and python ─────────────────────────────────────────────────────────────────────

    def _write(self, block: Block, name: str, continued: bool) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if continued else "w", encoding="utf-8") as file:
            file.write(block.text)
        if path.suffix == ".py":
            self._forget(path.stem)
            importlib.invalidate_caches()
            importlib.import_module(path.stem)
            self._modules.add(path.stem)

    def _forget(self, module: str) -> None:
        if module in self._modules:
            self._close_apps(vars(sys.modules.pop(module)))
            self._modules.remove(module)

    def _close_apps(self, names: dict[str, object]) -> None:
        for value in names.values():
            if isinstance(value, PgQueue):
                value.close()

    def _python(self, block: Block) -> None:
        lines = self._put_in(block.text).splitlines()
        tree = ast.parse("\n".join(lines), str(block.page))
        for statement in tree.body:
            expected = _EXPECTED.search(lines[statement.end_lineno - 1])
            ast.increment_lineno(statement, block.line)
            self._statement(
                statement, str(block.page), *(expected.groups() if expected else (None, ""))
            )

    def _statement(self, statement: ast.stmt, page: str, kind: str | None, expected: str) -> None:
        if kind == "→":
            assert isinstance(statement, ast.Expr), "only an expression has a value"
            code = compile(ast.Expression(statement.value), page, "eval")
            self._compare(expected, repr(eval(code, self._names)))
            return
        code = compile(ast.Module([statement], []), page, "exec")
        if kind is None:
            exec(code, self._names)
            return
        with pytest.raises(Exception) as raised:  # noqa: PT011 (which one, the page says)
            exec(code, self._names)
        assert raised.type.__name__ == expected

    # ── sql ──────────────────────────────────────────────────────────────────────────────────

    def _sql(self, block: Block) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            cursor = connection.execute(self._put_in(block.text))
            found = self.rows.setdefault(block, [])
            while True:
                if cursor.description:
                    found.append(cursor.fetchall())
                if not cursor.nextset():
                    return

    # ── the shell ────────────────────────────────────────────────────────────────────────────

    def _bash(self, block: Block) -> None:
        commands = re.sub(r"\\\n", "", self._put_in(block.text)).splitlines()
        for command in [line for line in commands if line.startswith("pgq worker")]:
            self._start_worker(command)
        others = [line for line in commands if not line.startswith("pgq worker")]
        self._shell("\n".join(others))

    def _console(self, block: Block) -> None:
        parts = [part for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE) if part]
        commands, outputs = zip(*(part.partition("\n")[::2] for part in parts), strict=True)
        if commands[0].startswith("pgq worker"):
            self._start_worker(commands[0])
            self._compare(outputs[0], self._worker.log)
            return
        for command, output in zip(commands, outputs, strict=True):
            self._compare(output, self._shell(self._put_in(command)))

    def _start_worker(self, command: str) -> None:
        if self._worker:
            assert self._worker.stop() == 0
        self._worker = PageWorker(command, self._folder, self._folder / "worker.log")
        self._worker.ready()

    def _shell(self, script: str) -> str:
        # The width of nobody's terminal, which is that of a pipe.
        environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euc", script],
            env={**environment, "PATH": path, "NO_COLOR": "1"},
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"status {done.returncode}:\n{done.stdout}"
        return done.stdout

    # ── what is printed ──────────────────────────────────────────────────────────────────────

    def _put_in(self, text: str) -> str:
        return _ID.sub(lambda shown: self._ids.get(shown[0], shown[0]), text)

    def _compare(self, expected: str, actual: str) -> None:
        if not expected.strip():
            return
        shown = list(dict.fromkeys(_ID.findall(expected)))
        pattern = _pattern(self._put_in(expected), [i for i in shown if i not in self._ids])
        found = re.fullmatch(pattern, _plain(actual))
        assert found, f"expected:\n{expected}\nbut this is printed:\n{actual}"
        new = [i for i in shown if i not in self._ids]
        self._ids.update(zip(new, found.groups(), strict=True))


def _pattern(expected: str, new_ids: list[str]) -> str:
    lines = [
        "(?s:.*)" if line == "…" else _line_pattern(line) for line in _plain(expected).split("\n")
    ]
    pattern = "\n".join(lines)
    for known in new_ids:
        first, *more = pattern.split(re.escape(known))
        pattern = first + f"({_ID.pattern})" + _ID.pattern.join(more)
    return pattern.replace("\n(?s:.*)", "(?s:.*)").replace("(?s:.*)\n", "(?s:.*)")


def _line_pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split("…"))


def _plain(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())
