"""pgqueue under pressure: `python -m benchmarks`, from a checkout.

`pgq bench` says how fast pgqueue is; these say whether it stays so: under an old snapshot, beside
millions of rows that are not due, with many enqueuers, many workers, long tasks, and for hours.
Each scenario is a module with a `measure`, compares within one run, and writes one file into
`results/`; `plots.py` draws the figures of docs/performance.md from those files alone,
`tables.py` writes its tables.

From the bottom up: `setting.py` (schemas and sizes), `loop.py` (the bare loop, turn by turn),
`touched.py` (what a statement touches), `flow.py` (a queue that is kept filled), the scenarios,
`results.py` (files), `plots.py`, `tables.py`, `__main__.py` (the command).
"""
