"""Which limits there are, where they are noted, and which of several counts."""

from __future__ import annotations

import pytest

from pgqueue.declaring import checked_declaration
from pgqueue.errors import InvalidOption
from pgqueue.limits import LONGEST, NO_LIMITS, Limits, Notes, checked_limits, noted, read_notes
from pgqueue.options import new_job

WRONG = [0, -1, True, "5", float("nan"), float("inf"), LONGEST + 1, [], 10**400]


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("name", Limits._fields)
def test_a_limit_is_a_number_of_seconds_above_nothing(name, value):
    for refuse in (
        lambda: checked_limits(**{"time_limit": None, "soft_time_limit": None, name: value}),
        lambda: checked_declaration({name: value}, object),
        lambda: new_job("t", [], {}, {name: value}),
        lambda: read_notes({name: value}),
    ):
        with pytest.raises(InvalidOption, match=f"{name}=.*give a number of seconds") as caught:
            refuse()
        assert isinstance(caught.value, ValueError)


def test_a_soft_limit_over_the_hard_one_is_refused():
    with pytest.raises(InvalidOption, match="soft_time_limit=9 is over time_limit=5"):
        checked_limits(5, 9)
    assert checked_limits(5, 5) == (5, 5)


@pytest.mark.parametrize(
    ("headers", "limits", "stored"),
    [
        (None, NO_LIMITS, None),
        ({"t": 1}, NO_LIMITS, '{"t":1}'),
        (None, Limits(5.0), '{"pgqueue":{"time_limit":5.0}}'),
        ({"t": 1}, Limits(5.0, 4.0), '{"t":1,"pgqueue":{"time_limit":5.0,"soft_time_limit":4.0}}'),
    ],
)
def test_limits_of_a_call_are_in_its_headers_and_cost_nothing_else(headers, limits, stored):
    options = {"headers": headers, **limits._asdict()}
    assert new_job("t", [], {}, options).headers == stored
    given = noted(headers, limits)
    assert read_notes((given or {}).get("pgqueue")) == Notes(limits)


def test_the_key_is_not_for_users():
    with pytest.raises(InvalidOption, match="'pgqueue' is taken"):
        new_job("t", [], {}, {"headers": {"pgqueue": 1}})


@pytest.mark.parametrize("note", [1, [], "x", True])
def test_a_note_that_is_no_object_is_refused(note):
    with pytest.raises(InvalidOption, match="give an object"):
        read_notes(note)


def test_only_true_means_alone_and_what_is_unknown_is_for_others():
    assert read_notes({"alone": True, "x": 1}).alone
    assert not read_notes({"alone": 1}).alone
