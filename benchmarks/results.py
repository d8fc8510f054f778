"""One JSON file per scenario: what was measured on, what came out, and whether that is enough."""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.setting import Setting
from benchmarks.tasks import SCHEMA
from pgqueue.bench import settings
from pgqueue.bench.meters import Meter
from pgqueue.bench.plan import Bench, Size
from pgqueue.bench.scratch import scratch

FOLDER = Path(__file__).parent / "results"
#: Settings of `pgq bench` that mean nothing here, or say where rather than what.
_OTHERS = ("size", "prepared", "worker", "where", "database")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure and the bound that it has to keep."""

    what: str
    figure: float
    bound: str
    holds: bool


def at_least(what: str, figure: float, bound: float) -> Verdict:
    """Return whether a figure reaches a bound.

    >>> at_least("last minute / first minute", 0.9, 0.8).holds
    True
    """
    return Verdict(what, round(figure, 4), f">= {bound:g}", figure >= bound)


def at_most(what: str, figure: float, bound: float) -> Verdict:
    """Return whether a figure stays within a bound.

    >>> at_most("notifications", 1, 0)
    Verdict(what='notifications', figure=1, bound='<= 0', holds=False)
    """
    return Verdict(what, round(figure, 4), f"<= {bound:g}", figure <= bound)


def facts(setting: Setting) -> dict[str, Any]:
    """Return what this run is made on."""
    with scratch(setting.dsn, schema=SCHEMA) as place:
        bench = Bench(place, Meter(place), Size(), lambda *_: None)
        found = dataclasses.asdict(settings.read(bench))
    return {name: value for name, value in found.items() if name not in _OTHERS}


def write(
    name: str, about: dict[str, Any], scale: float, result: dict[str, Any], verdicts: list[Verdict]
) -> Path:
    """Keep a result; return its file."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    document = {
        "scenario": name,
        "measured_at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "scale": scale,
        "settings": about,
        "verdicts": [dataclasses.asdict(verdict) for verdict in verdicts],
        "result": result,
    }
    path.write_text(json.dumps(rounded(document), indent=1) + "\n", encoding="utf-8")
    return path


def read(name: str) -> dict[str, Any]:
    """Return a kept result; raises `FileNotFoundError` if there is none."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def rounded(value: Any) -> Any:
    """Return a value whose numbers have at most four places: what is behind them is noise.

    >>> rounded({"a": [1.23456, 2]})
    {'a': [1.2346, 2]}
    """
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return value
