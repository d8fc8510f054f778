"""The tables of docs/performance.md, written from `results/`: no figure is copied by hand.

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`; `write` renews what is
there, and a test holds that page and data agree.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.commits import ratio
from benchmarks.crowd import ROW_WAITS

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
#: In the order of the page.
SCENARIOS = ("pinned", "standing", "commits", "crowd", "bodies", "growth", "canvas", "soak")
NOTHING = "No measurement of this is kept in `benchmarks/results/`.\n"

Row = Sequence[object]


def write(page: Path = PAGE) -> None:
    """Renew every table of the page."""
    page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")


def renewed(text: str) -> str:
    """Return a page's text with tables that say what the data say."""
    return _TABLE.sub(lambda found: f"{found[1]}{_made(found[2])}{found[3]}", text)


def _made(name: str) -> str:
    try:
        return TABLES[name]()
    except FileNotFoundError:
        return NOTHING


def table(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Return a table in Markdown.

    >>> print(table(["what", "µs"], [["claim", 8.25]]), end="")
    | what | µs |
    |---|---|
    | claim | 8.2 |
    """
    lines = [columns, ["---"] * len(columns), *[[number(cell) for cell in row] for row in rows]]
    head, rule, *rest = ["| " + " | ".join(map(str, line)) + " |" for line in lines]
    return "\n".join([head, rule.replace(" ", ""), *rest]) + "\n"


def number(value: object) -> str:
    """Return a figure as people read it: no more places than mean something.

    >>> number(12345.6), number(123.4), number(12.34), number(0.987), number(None), number(0.0123)
    ('12,346', '123', '12.3', '0.99', '', '0.012')
    """
    if value is None:
        return ""
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    for least, places in ((100.0, ",.0f"), (1.5, ".1f"), (0.1, ".2f")):
        if abs(value) >= least:
            return format(value, places)
    return format(value, ".2g")


def targets() -> str:
    """Every bound, and what came out."""
    rows = []
    for name in SCENARIOS:
        if (results.FOLDER / f"{name}.json").exists():
            rows += [
                [
                    f"`{name}`",
                    v["what"],
                    float(v["figure"]),
                    v["bound"].replace(">=", "≥").replace("<=", "≤"),
                    "holds" if v["holds"] else "**missed**",
                ]
                for v in results.read(name)["verdicts"]
            ]
    return table(["scenario", "what", "measured", "bound", ""], rows)


def runs() -> str:
    """When and at what size each scenario was measured, on what."""
    rows = []
    for name in (*SCENARIOS, "anatomy"):
        if (results.FOLDER / f"{name}.json").exists():
            found = results.read(name)
            about = found["settings"]
            versions = f"PostgreSQL {about['postgresql']}, {about['python']}"
            load = number(about["load"][0])
            when, scale = found["measured_at"], f"{found['scale']:g}"
            rows.append([f"`{name}`", when, scale, versions, about["cores"], load])
    return table(["scenario", "ended at", "scale", "on", "cores", "load at its start"], rows)


def server() -> str:
    """The server's settings."""
    about = results.read("pinned")["settings"]
    return table(["setting", "value"], [[f"`{k}`", v] for k, v in about["server"].items()])


def bench() -> str:
    """The plain figures of `pgq bench --json`."""
    measures = results.read("bench")["measures"]
    rows: list[Row] = []
    for name, what in (("enqueue", "one producer"), ("producers", "several producers")):
        if found := measures.get(name):
            label = f"enqueue one by one, {what}: {found['producers']}"
            rows.append([label, found["delay"]["per_second"], found["bare"]["per_second"]])
    if found := measures.get("bulk"):
        rows.append(["enqueue in bulk", found["per_second"], None])
    if found := measures.get("drain"):
        rows.append(["drain, one worker", found["per_second"], found["baseline_per_second"]])
    if found := measures.get("mixed"):
        rows.append(["enqueue beside a worker", found["beside"], found["alone_before"]])
    text = table(["jobs/s", "pgqueue", "bare statements"], rows)
    if (found := measures.get("pickup")) and found["waited"]:
        spread = found["waited"]
        text += (
            f"\nPick-up by an idle worker, from the call of `delay` to the task's first line: "
            f"{number(spread['p50'])} ms (p50), {number(spread['p99'])} ms (p99).\n"
        )
    return text


def anatomy() -> str:
    """Where the time of one job goes."""
    found = results.read("anatomy")["result"]
    rows: list[Row] = [
        [part, found[part].get("server_cpu"), found[part].get("client_cpu"), found[part].get("wal")]
        for part in (
            "enqueue, one by one", "insert, in bulk", "claim", "finish", "pipe, both ends",
            "child's slots",
        )
    ]  # fmt: skip
    worker = found["worker"]
    both = worker["supervisor_cpu"] + worker["children_cpu"]
    rows.append(["**a worker, all of it**", worker["server_cpu"], both, worker["wal"]])
    rows.append(["— its supervisor", None, worker["supervisor_cpu"], None])
    rows.append(["— its children", None, worker["children_cpu"], None])
    return table(["part", "server, µs", "client, µs", "WAL, bytes"], rows)


def standing() -> str:
    """Drained amid standing rows, and without."""
    phases = results.read("standing")["result"]["phases"]

    def median(pairs: Any, where: str, what: str) -> float:
        return statistics.median(float(pair[where][what] or 0.0) for pair in pairs)

    rows = [
        [
            phase,
            median(pairs, "full", "per_second"),
            median(pairs, "empty", "per_second"),
            statistics.median(float(pair["ratio"]) for pair in pairs),
            median(pairs, "full", "server_cpu"),
            median(pairs, "empty", "server_cpu"),
        ]
        for phase, pairs in phases.items()
    ]
    columns = ["statistics", "amid them, jobs/s", "empty, jobs/s", "median ratio"]
    return table([*columns, "server, µs/job", "empty, µs/job"], rows)


def growth() -> str:
    """Speed and cost against backlog and history."""
    found = results.read("growth")["result"]
    rows = [
        [what, row["rows"], row["per_second"], row["alone"], row["server_cpu"],
         row["server_cpu_alone"], row["wal"]]
        for what in ("backlog", "history")
        for row in found[what]
    ]  # fmt: skip
    columns = ["beside", "rows", "jobs/s", "empty, jobs/s", "server, µs/job", "empty, µs/job"]
    return table([*columns, "WAL, bytes/job"], rows)


def payload() -> str:
    """Speed and cost against the size of the arguments."""
    rows = [
        [row["size"], row["per_second"], row["mb_per_second"], row["server_cpu"],
         row["supervisor_cpu"], row["children_cpu"], row["wal"], row["supervisor_mb"],
         row["child_mb"]]
        for row in results.read("growth")["result"]["payload"]
    ]  # fmt: skip
    columns = ["bytes", "jobs/s", "MB/s", "server, µs", "supervisor, µs", "children, µs"]
    return table([*columns, "WAL, bytes", "supervisor, peak MB", "child, peak MB"], rows)


def crowd() -> str:
    """Speed and cost against workers and queues."""
    runs = results.read("crowd")["result"]["runs"]
    rows = []
    for workers, queues in sorted({(r["workers"], r["queues"]) for r in runs}):
        some = [r for r in runs if (r["workers"], r["queues"]) == (workers, queues)]
        waits = [sum(r["waits"].values()) for r in some]
        locks = [sum(n for k, n in r["waits"].items() if k in ROW_WAITS) for r in some]
        medians = [
            statistics.median(r[name] for r in some)
            for name in ("per_second", "supervisor_cpu", "children_cpu", "least_share")
        ]
        rows.append([workers, queues, *medians, f"{100 * sum(locks) / max(1, sum(waits)):.1f} %"])
    columns = ["workers", "queues", "jobs/s", "supervisors, µs/job", "children, µs/job"]
    return table([*columns, "least worker's share", "looks that saw a wait for a row"], rows)


def commits() -> str:
    """Commits per second by way of enqueueing."""
    found = results.read("commits")["result"]
    rows: list[Row] = []
    labels = {
        "bare": "`insert`, bare",
        "silent": "pgqueue's enqueue, told not to wake",
        "gate": "pgqueue's enqueue, with the gate",
        "notify": "`insert` and `NOTIFY`",
    }

    def row(rounds: Any, way: str) -> tuple[float, float]:
        return statistics.median(r[way]["per_second"] for r in rounds), ratio(rounds, way)

    for way, label in labels.items():
        rounds = found["pgbench"]
        told = sum(r[way]["notified"] for r in rounds) / sum(r[way]["jobs"] for r in rounds)
        rows.append(["pgbench", label, *row(rounds, way), told])
    for way, label in (("bare", "`insert`, bare"), ("delay", "`delay()`")):
        rows.append(["Python", label, *row(found["delay"], way), None])
    return table(
        ["client", "way", "commits/s", "of bare, median", "notifications per commit"], rows
    )


def bodies() -> str:
    """How busy slots are, by the length of the tasks."""
    found = results.read("bodies")["result"]
    named = [(f"{each['body'] * 1000:g} ms", each) for each in found["bodies"]]
    named.append(("10 ms, every tenth 500 ms", found["mix"]))
    rows = [
        [name, each["per_second"], each["busy"], *(1e3 * each["pause"][p] for p in ("p50", "p99"))]
        for name, each in named
    ]
    columns = ["task sleeps", "jobs/s", "slots busy", "pause p50, ms", "pause p99, ms"]
    return table(columns, rows)


def canvas() -> str:
    """How long the shapes of a canvas take."""
    found = results.read("canvas")["result"]
    named = [
        ("a chord, from call to result", "chord"),
        ("a chain, from call to result", "chain"),
        ("a group, sent", "group"),
    ]
    rows = [
        [label, found[f"{name}_of"], statistics.median(found[name]), max(found[name])]
        for label, name in named
    ]
    return table(["of tasks that do nothing", "jobs", "median, s", "slowest, s"], rows)


def sizing() -> str:
    """What a million jobs need."""
    found = results.read("anatomy")["result"]
    worker, enqueue, bulk = found["worker"], found["enqueue, one by one"], found["insert, in bulk"]
    client = worker["supervisor_cpu"] + worker["children_cpu"]
    rows: list[Row] = [
        ["processor time of the server: one by one", f"{enqueue['server_cpu']:.0f} s"],
        ["processor time of the server: in bulk", f"{bulk['server_cpu']:.0f} s"],
        ["processor time of the server: claim and finish", f"{worker['server_cpu']:.0f} s"],
        ["processor time of the worker, without your tasks", f"{client:.0f} s"],
        ["WAL: enqueued one by one", f"{enqueue['wal'] / 1e3:.2f} GB"],
        ["WAL: enqueued in bulk", f"{bulk['wal'] / 1e3:.2f} GB"],
        ["WAL: claimed and finished", f"{worker['wal'] / 1e3:.2f} GB"],
        ["disk: a day's history of a million", f"{found['history_bytes'] / 1e3:.2f} GB"],
    ]
    return table(["of a million jobs that do nothing", ""], rows)


def soak() -> str:
    """What the soak read at its beginning, in its middle and at its end."""
    samples = results.read("soak")["result"]["samples"]
    names = ("supervisor_mb", "children_mb", "descriptors", "dead_rows", "table_mb", "indexes_mb",
             "p50_ms", "p99_ms", "finished")  # fmt: skip
    chosen = [samples[round(share * (len(samples) - 1))] for share in (0.2, 0.5, 0.75, 1.0)]
    columns = ["minute", *(f"{each['seconds'] / 60:.0f}" for each in chosen)]
    return table(columns, [[f"`{name}`", *(float(c[name]) for c in chosen)] for name in names])


TABLES: dict[str, Callable[[], str]] = {
    made.__name__: made
    for made in (
        targets, runs, server, bench, anatomy, standing, growth, payload, crowd, commits, bodies,
        canvas, sizing, soak,
    )
}  # fmt: skip
