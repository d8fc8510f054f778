"""Small projects, written out and scanned."""

from __future__ import annotations

import textwrap
from collections import Counter
from pathlib import Path

import pytest

from pgqueue.migrating.report import report
from pgqueue.migrating.scan import scan


class Scanned:
    """What a scan of a project found."""

    def __init__(self, result) -> None:
        self.result = result
        self.report = report(result)

    def uses(self, kind: str) -> dict[str, int]:
        """The names of a kind, each with how often it is used."""
        return dict(Counter(use.name for use in self.result.uses if use.kind == kind))

    @property
    def unread(self) -> list[str]:
        return [remark.text for remark in self.result.unread]

    @property
    def unresolved(self) -> list[str]:
        return [remark.text for remark in self.result.unresolved]

    def verdicts(self) -> dict[str, str]:
        return {line.name: line.verdict for line in self.report.lines}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Writes files, `project({"shop/tasks.py": "…"})`, and scans them from their folder."""
    monkeypatch.chdir(tmp_path)

    def project(files, *paths):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(text, bytes):
                path.write_bytes(text)
            else:
                path.write_text(textwrap.dedent(text), encoding="utf-8")
        return Scanned(scan([Path(each) for each in paths or (".",)]))

    return project
