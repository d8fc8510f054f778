"""`python -m tests.chaos` writes what is kept in `results/` into docs/reliability.md."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from chaos import report
from chaos.faults import FAULTS

rows = [row for fault in FAULTS for row in report.kept(fault.name)]
page = report.PAGE.read_text(encoding="utf-8")
report.PAGE.write_text(report.renewed(page, rows), encoding="utf-8")
