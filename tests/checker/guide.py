"""The tables of docs/from-celery.md, made of the knowledge: `python tests/checker/guide.py`.

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`; running this file renews
them, and a test holds that page and knowledge agree.
"""

from __future__ import annotations

import re
from pathlib import Path

from pgqueue.migrating.knowledge import ROWS, SAME, Row

PAGE = Path(__file__).parents[2] / "docs" / "from-celery.md"
#: The tables of the page, each with the kinds of names in it.
TABLES = {
    "imports": ("import", "package", "requirement"),
    "names": ("name", "app argument", "app"),
    "tasks": ("task option", "handler", "task", "request"),
    "calls": ("call option", "result", "group result"),
    "canvas": ("canvas", "signature"),
    "exceptions": ("exception",),
    "signals": ("signal", "logging"),
    "control": ("control", "inspect"),
    "schedules": ("schedule",),
    "settings": ("setting", "value"),
    "commands": ("command", "command option", "worker option"),
    "testing": ("testing",),
}
#: What stands before a name where it would not be understood by itself.
_BEFORE = {
    "app argument": "Celery(…): ",
    "app": "app: ",
    "task option": "@task: ",
    "handler": "methods: ",
    "task": "a task: ",
    "request": "request: ",
    "call option": "apply_async, retry: ",
    "result": "AsyncResult: ",
    "group result": "GroupResult: ",
    "signature": "a signature: ",
    "control": "app.control: ",
    "inspect": "inspect(): ",
    "requirement": "requirements: ",
    "value": "serializer: ",
    "command": "celery ",
    "worker option": "worker, beat: ",
    "command option": "all commands: ",
}
_WORDS = {"same": "same", "change": "**change**", "none": "**none**"}
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def renewed(text: str) -> str:
    """Return a page's text with tables that say what the knowledge says."""
    return _TABLE.sub(lambda found: f"{found[1]}{table(found[2])}{found[3]}", text)


def table(name: str) -> str:
    """Return a table: names of which the same is to be said share a row."""
    lines = ["| Celery | | here | |", "|---|---|---|---|"]
    for kind in TABLES[name]:
        groups: dict[tuple[str, str, str], list[Row]] = {}
        for row in ROWS:
            if row.kind == kind:
                ours = "" if row.ours == row.name else row.ours
                groups.setdefault((row.verdict, ours, row.note), []).append(row)
        stays_first = sorted(groups.items(), key=lambda each: each[0][0] != SAME)
        for (verdict, ours, note), rows in stays_first:
            names = ", ".join(f"`{_cell(row.name)}`" for row in rows)
            cells = (_BEFORE.get(kind, "") + names, _WORDS[verdict], _cell(ours), _cell(note))
            lines.append("| " + " | ".join(cells).rstrip() + " |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
