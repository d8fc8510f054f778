"""The figures of docs/performance.md, drawn from `results/` and nothing else.

Needs matplotlib (`pip install --group bench`). The same data give the same files.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks import results
from benchmarks.commits import ratio

FOLDER = Path(__file__).parents[1] / "docs" / "images"
#: Readable on a white page and on a dark one.
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "pgqueue",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "figure.facecolor": "white",
    "lines.linewidth": 1.6,
}
BLUE, ORANGE, GREY = "#1f5fa8", "#d1741f", "#777777"


def draw(folder: Path = FOLDER) -> list[Path]:
    """Draw what there are results for; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    there = {path.stem for path in results.FOLDER.glob("*.json")}
    drawn = []
    for name, figure in FIGURES.items():
        if name in there:
            drawn.append(folder / f"{name}.svg")
            with mpl.rc_context(STYLE):
                figure(results.read(name), drawn[-1])
    return drawn


@contextmanager
def _page(path: Path, columns: int = 1, height: float = 3.2) -> Iterator[Any]:
    figure, axes = plt.subplots(1, columns, figsize=(8.0, height), layout="constrained")
    yield axes
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    # matplotlib ends some lines in blanks, and trees that are checked in should have none.
    text = "\n".join(line.rstrip() for line in path.read_text(encoding="utf-8").splitlines())
    path.write_text(text + "\n", encoding="utf-8")


def pinned(document: dict[str, Any], path: Path) -> None:
    """Jobs per second under an old snapshot: worker, and the bare loops."""
    found = document["result"]
    with _page(path, 2) as (left, right):
        _line(left, found["worker"]["per_second"], "pgq worker", BLUE)
        left.set_title("a worker")
        _line(right, found["cursor"]["per_second"], "bare, from the cursor on", BLUE)
        _line(right, found["head"]["per_second"], "bare, from the head of the index", ORANGE)
        right.set_title("the bare statements")
        for axes in (left, right):
            axes.set_xlabel("seconds since the snapshot was taken")
            axes.set_ylabel("jobs/s")
            axes.set_ylim(bottom=0)
            axes.legend(frameon=False)


def _line(axes: Any, rates: Sequence[float], label: str, colour: str) -> None:
    """Draw rates as means over so many seconds that some hundred points are left."""
    width = max(1, len(rates) // 100)
    means = [
        statistics.fmean(rates[n : n + width]) for n in range(0, len(rates) - width + 1, width)
    ]
    axes.plot([n * width for n in range(len(means))], means, label=label, color=colour)


def growth(document: dict[str, Any], path: Path) -> None:
    """Jobs per second against backlog, history and payload."""
    found = document["result"]
    with _page(path, 3) as axes:
        for each, what in zip(axes, ("backlog", "history"), strict=False):
            rows = found[what]
            places = range(len(rows))
            each.plot(places, [r["per_second"] for r in rows], "o-", color=BLUE, label="beside it")
            each.plot(places, [r["alone"] for r in rows], "s--", color=GREY, label="empty database")
            each.set_xticks(places, [_short(r["rows"]) for r in rows])
            each.set_xlabel(f"{what}, rows")
            each.set_ylabel("jobs/s, bare")
            each.set_ylim(bottom=0)
            each.legend(frameon=False)
        rows = found["payload"]
        axes[2].loglog([r["size"] for r in rows], [r["per_second"] for r in rows], "o-", color=BLUE)
        axes[2].set_xlabel("payload, bytes")
        axes[2].set_ylabel("jobs/s, a worker")


def crowd(document: dict[str, Any], path: Path) -> None:
    """Jobs per second against the number of workers and of queues."""
    runs = document["result"]["runs"]
    with _page(path, 2) as axes:
        for each, what, other in zip(axes, ("workers", "queues"), ("queues", "workers")):  # noqa: B905
            chosen = [run for run in runs if run[other] == 1]
            numbers = sorted({run[what] for run in chosen})
            speeds = [[r["per_second"] for r in chosen if r[what] == n] for n in numbers]
            places = range(len(numbers))
            each.plot(places, [statistics.median(s) for s in speeds], "o-", color=BLUE)
            for place, some in zip(places, speeds, strict=True):
                each.plot([place] * len(some), some, ".", color=GREY)
            each.set_xticks(places, [str(n) for n in numbers])
            each.set_xlabel(f"{what} (points: every run)")
            each.set_ylabel("jobs/s")
            each.set_ylim(bottom=0)


def commits(document: dict[str, Any], path: Path) -> None:
    """Commits per second of 32 clients by way of enqueueing, against the bare insert's."""
    rounds = document["result"]["pgbench"]
    labels = {
        "bare": "bare insert",
        "silent": "enqueue, no gate",
        "gate": "enqueue, with the gate",
        "notify": "bare insert with NOTIFY",
    }
    with _page(path, height=2.2) as axes:
        shares = [100 * ratio(rounds, way) for way in labels]
        colours = [GREY, BLUE, BLUE, ORANGE]
        bars = axes.barh(list(labels.values()), shares, color=colours)
        axes.bar_label(bars, fmt="{:.0f} %", padding=3)
        axes.invert_yaxis()
        axes.set_xlabel(
            "commits/s, % of the bare insert: 32 clients of pgbench, while a worker drains"
        )


def soak(document: dict[str, Any], path: Path) -> None:
    """What the soak has sampled, over time."""
    samples = document["result"]["samples"]
    panels = (
        ("memory, MB", ("supervisor_mb", "children_mb")),
        ("live table, MB", ("table_mb", "indexes_mb")),
        ("pick-up of urgent jobs, ms", ("p50_ms", "p99_ms")),
        ("dead rows", ("dead_rows",)),
    )
    minutes = [each["seconds"] / 60 for each in samples]
    with _page(path, len(panels), 2.6) as axes:
        for each, (title, names) in zip(axes, panels, strict=True):
            for name, colour in zip(names, (BLUE, ORANGE), strict=False):
                label = name.rpartition("_")[0]
                each.plot(minutes, [s[name] for s in samples], color=colour, label=label, lw=1)
            each.set_title(title, fontsize=10)
            each.set_xlabel("minutes")
            each.set_ylim(bottom=0)
            if len(names) > 1:
                each.legend(frameon=False)


def _short(number: int) -> str:
    """Return a number as an axis has room for.

    >>> _short(0), _short(300_000), _short(2_500_000)
    ('0', '300k', '2.5M')
    """
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if number >= unit:
            return f"{number / unit:g}{name}"
    return str(number)


FIGURES: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "pinned": pinned,
    "growth": growth,
    "crowd": crowd,
    "commits": commits,
    "soak": soak,
}
