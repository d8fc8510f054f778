"""The table, printed and kept: one file of results per fault."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from chaos.harness import Row

FOLDER = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_TABLE = re.compile(r"(<!-- table: faults -->\n).*?(<!-- end of table -->)", re.DOTALL)
COLUMNS = (
    "fault",
    "promised",
    "bound",
    "measured",
    "jobs",
    "lost",
    "stuck",
    "doubled",
    "run again",
)


def keep(name: str, rows: Iterable[Row], about: dict[str, object]) -> None:
    """Keep the rows of a fault."""
    FOLDER.mkdir(exist_ok=True)
    document = {"about": about, "rows": [asdict(row) for row in rows]}
    path = FOLDER / f"{slug(name)}.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def kept(name: str) -> list[Row]:
    """Return the kept rows of a fault; none if none are kept."""
    path = FOLDER / f"{slug(name)}.json"
    if not path.exists():
        return []
    return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))["rows"]]


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *(_cells(row) for row in rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def renewed(page: str, rows: Iterable[Row]) -> str:
    """Return a page's text with the table of these rows in its place."""
    return _TABLE.sub(lambda found: f"{found[1]}{table(rows)}{found[2]}", page)


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _cells(row: Row) -> list[str]:
    figure = f"{row.measured:.2f}" if row.unit else f"{row.measured:g}"
    unit = f" {row.unit}" if row.unit else ""
    counts = [row.jobs, row.lost, row.stuck, row.doubled, row.again]
    bound = f"≤ {row.bound:g}{unit}" if row.bound else f"{row.bound:g}"
    return [row.fault, row.promise, bound, f"{figure}{unit}", *map(str, counts)]
