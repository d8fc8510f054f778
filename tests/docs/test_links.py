"""Every relative link leads to a file, and to a heading of it if it names one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from blocks import ROOT, Page

FOLDERS = ("*.md", "docs/**/*.md", "sql/*.md", "examples/*.md")
FILES = sorted(path for folder in FOLDERS for path in ROOT.glob(folder))
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`[^`\n]*`")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path):
    for link in _LINK.findall(_CODE.sub("", Page(path).prose)):
        if re.match(r"\w+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert target == ROOT or ROOT in target.parents, f"{link} leads out of the repository"
        if anchor:
            assert anchor in _anchors(target), link


def _anchors(path: Path) -> set[str]:
    """Return a page's anchors, as they are commonly made of headings."""
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in Page(path).headings]
    return {heading.replace(" ", "-") for heading in plain}
