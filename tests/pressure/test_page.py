"""docs/performance.md says what the kept results say."""

from __future__ import annotations

import re

import pytest

from benchmarks import results, tables

PAGE = tables.PAGE.read_text(encoding="utf-8")
KEPT = sorted(path.stem for path in results.FOLDER.glob("*.json"))


def test_every_table_is_what_the_data_say():
    """If this fails: `python -m benchmarks tables`."""
    assert tables.renewed(PAGE) == PAGE


def test_every_table_has_its_place():
    assert sorted(re.findall(r"<!-- table: (\w+) -->", PAGE)) == sorted(tables.TABLES)


def test_every_kept_result_is_told_of():
    told = {*tables.SCENARIOS, "anatomy"}
    assert told <= set(KEPT) <= {*told, "bench"}


@pytest.mark.parametrize("name", set(KEPT) - {"bench"})
def test_a_result_says_what_it_was_measured_on(name):
    found = results.read(name)
    assert found["scenario"] == name
    assert {"postgresql", "server", "python", "cores", "load"} <= found["settings"].keys()
    assert found["settings"]["server"]["fsync"] == "on"


def test_a_changed_figure_is_noticed(monkeypatch, tmp_path):
    """Were this not so, the first test could not fail."""
    for name in KEPT:
        text = (results.FOLDER / f"{name}.json").read_text(encoding="utf-8")
        (tmp_path / f"{name}.json").write_text(text.replace('"scale": 1', '"scale": 7'))
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    assert tables.renewed(PAGE) != PAGE
