"""The table in docs/reliability.md names every safeguard that is taken out, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from mutants import HABITS, MUTANTS

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def test_the_page_names_all_mutants_and_no_others():
    races = PAGE.read_text().partition("\n## Races\n")[2].partition("\n## ")[0]
    rows = [line for line in races.splitlines() if line.startswith("| ")]
    named = set(re.findall(r"\*([^*]+)\*", " ".join(rows)))
    assert named == {mutant.name for mutant in MUTANTS} | set(HABITS)
