"""The table of signals has every signal, with what it says."""

from __future__ import annotations

import re

from blocks import names, page

from pgqueue import hooks, signals
from pgqueue.app import PgQueue

PAGE = page("signals.md")


def rows(title):
    lines = PAGE.section(title).splitlines()
    return [line.strip("|").split("|") for line in lines if line.startswith("| `")]


def test_every_signal_is_there_with_its_arguments():
    shown = {names([row[0]])[0]: tuple(names([row[3]])) for row in rows("The signals")}
    each = (value for value in vars(signals).values() if isinstance(value, signals.Signal))
    assert shown == {signal.name: signal.arguments for signal in each}


def test_every_handler_is_there_in_the_order_of_a_run():
    assert [names([row[0]])[0] for row in rows("Handlers")] == list(hooks.HANDLERS)


def test_the_signals_of_an_application_are_there():
    app = PgQueue("page", dsn="postgresql://nowhere.invalid/")
    own = [value for value in vars(app).values() if isinstance(value, signals.Signal)]
    assert {signal.name for signal in own} <= set(re.findall(r"`app\.(\w+)`", PAGE.text))
    assert own
