"""Places are never exceeded, whoever dies or comes back as a zombie: the short form."""

from __future__ import annotations

from benchmarks import places
from benchmarks.setting import Setting


def test_no_more_of_a_key_run_than_it_allows_while_workers_die_and_freeze(database):
    setting = Setting(database, 1.0, lambda _: None)
    with setting.schema() as place:
        found = places.run(place, 8.0, setting.say, workers=4)
    assert found["killed"] + found["frozen"] > 0
    assert {task: each["at_once"] for task, each in found["tasks"].items()} == {
        task: most for task, (most, _) in places.PLACES.items()
    }
