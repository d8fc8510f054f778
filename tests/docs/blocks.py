"""The pages of the documentation, and the blocks of code in them.

A block is run if its language is one of `RUN`, unless this stands before it::

    <!-- not run: why -->

One whose first line is a comment with a file's name is what the reader is to put into that file;
with `, continued` after the name, at its end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md"]
RUN = ("python", "sql", "bash", "console")

_MARKER = re.compile(r"<!-- not run: (.*?) -->\n+\Z", re.DOTALL)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?:#|--) ([\w/]+\.\w+)(, continued)?\n")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: `line` is that of its fence; `reason` says why it is not run."""

    page: Path
    line: int
    language: str
    text: str
    reason: str | None

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def file(self) -> tuple[str, bool] | None:
        """The file that the reader writes, and whether the block goes to its end."""
        found = _FILE.match(self.text)
        return (found[1], bool(found[2])) if found else None


@dataclass(frozen=True)
class Page:
    """A page of Markdown."""

    path: Path

    def __str__(self) -> str:
        return self.path.name

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        return [self._block(fence) for fence in _FENCE.finditer(self.text)]

    @cached_property
    def prose(self) -> str:
        """The text without its blocks."""
        return _FENCE.sub("", self.text)

    @cached_property
    def headings(self) -> list[str]:
        return [title for _, title in _HEADING.findall(self.prose)]

    def section(self, title: str) -> str:
        """Return what stands under a heading, up to the next one of its level or a higher one."""
        for heading in _HEADING.finditer(self.text):
            if heading[2] == title:
                rest = self.text[heading.end() :]
                next_one = re.compile(rf"^#{{1,{len(heading[1])}}} ", re.MULTILINE)
                end = next_one.search(_FENCE.sub(_blank, rest))
                return rest[: end.start()] if end else rest
        raise LookupError(f"{self} has no section {title!r}")

    def _block(self, fence: re.Match[str]) -> Block:
        before = self.text[: fence.start()]
        marker = _MARKER.search(before)
        reason = " ".join(marker[1].split()) if marker else None
        return Block(self.path, before.count("\n") + 1, fence[1], fence[2], reason)


def page(name: str) -> Page:
    """Return a page of docs/ by its file's name."""
    return Page(ROOT / "docs" / name)


def first_cells(markdown: str) -> list[str]:
    """Return the first cell of every row of the tables, without their heads."""
    rows = [line for line in markdown.splitlines() if line.startswith("| `")]
    return [row.split("|")[1].strip() for row in rows]


def names(cells: list[str]) -> list[str]:
    """Return the code in cells, each without its arguments: "`get(timeout=None)`" is "get"."""
    code = [span for cell in cells for span in re.findall(r"`([^`]+)`", cell)]
    return [re.split(r"[(= ]", span)[0] for span in code]


def _blank(fence: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", fence[0])
