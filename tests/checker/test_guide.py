"""docs/from-celery.md says what `pgq check-celery` says."""

from __future__ import annotations

import re

import guide
import pytest

from pgqueue.migrating.knowledge import KINDS, ROWS

PAGE = guide.PAGE.read_text(encoding="utf-8")


def test_every_table_is_what_the_knowledge_says():
    """If this fails: `python tests/checker/guide.py`."""
    assert guide.renewed(PAGE) == PAGE


def test_every_table_has_its_place():
    assert sorted(re.findall(r"<!-- table: (\w+) -->", PAGE)) == sorted(guide.TABLES)


def test_every_kind_is_in_a_table():
    assert sorted(kind for kinds in guide.TABLES.values() for kind in kinds) == sorted(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_is_on_the_page(kind):
    for row in ROWS:
        if row.kind == kind:
            assert f"`{row.name}`".replace("|", "\\|") in PAGE


def test_a_changed_row_is_noticed(monkeypatch):
    """Were this not so, the first test could not fail."""
    monkeypatch.setattr(guide, "ROWS", ROWS[1:])
    assert guide.renewed(PAGE) != PAGE
