from __future__ import annotations

import enum
import json
import math
import sys
import traceback
import uuid
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from unittest.mock import MagicMock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from pgqueue.codec import MAX_DEPTH, decode, encode
from pgqueue.describe import describe_exception, one_line
from pgqueue.errors import InvalidPayload


def back(value):
    return decode(encode(value, at="args"))


def refusal(value, at="args", **options):
    with pytest.raises(InvalidPayload) as caught:
        encode(value, at=at, **options)
    return str(caught.value)


def unreadable(text):
    with pytest.raises(InvalidPayload) as caught:
        decode(text)
    return str(caught.value)


def nested(levels):
    value = []
    for _ in range(levels - 1):
        value = [value]
    return value


class Sub:
    """Subclasses of the allowed types, with more than their base shows."""

    class Str(str):
        __slots__ = ()

        def __str__(self):
            return "another"

    class Int(int):
        def __repr__(self):
            return "not JSON"

    class Float(float):
        def __repr__(self):
            return "not JSON"

    class List(list):
        pass

    class Dict(dict):
        pass

    class Datetime(datetime):
        pass


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Unit(enum.StrEnum):
    KG = "kg"


class Mixed(str, enum.Enum):  # noqa: UP042 (as written before StrEnum)
    """Its value is not its content."""

    A = ("content", 7)

    def __new__(cls, content, value):
        self = str.__new__(cls, content)
        self._value_ = value
        return self


@dataclass
class Order:
    amount: int


@dataclass
class DictOrder(dict):
    amount: int = 1


class Unprintable:
    def __repr__(self):
        raise SystemExit

    __str__ = __repr__


# Round trip

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    | st.datetimes()
    | st.datetimes(timezones=st.timedeltas().map(lambda _: UTC) | st.timezones())
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.binary()
)
names = st.sampled_from(["$", "$$", "$uuid", "$$uuid", "$dict", "$x"]) | st.text("ab$", max_size=3)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(names, inner, max_size=3)
)


def with_types(value):
    if isinstance(value, list):
        return [with_types(item) for item in value]
    if isinstance(value, dict):
        return {key: with_types(item) for key, item in value.items()}
    if isinstance(value, datetime):  # aware ones are never equal in an hour that clocks repeat
        return type(value), value.replace(tzinfo=None), value.utcoffset()
    return type(value), value


@given(values)
def test_every_value_of_the_closed_set_comes_back_equal_and_of_its_own_type(value):
    assert with_types(back(value)) == with_types(value)


@given(values)
def test_the_text_holds_no_control_characters_so_that_these_can_separate_texts(value):
    assert not {*encode(value, at="args")} & {*map(chr, range(0x20))}


@given(st.timedeltas())
@pytest.mark.parametrize("extreme", [timedelta.min, timedelta.max, timedelta(microseconds=-1)])
def test_a_timedelta_is_exact_to_the_microsecond(extreme, delta):
    assert back([extreme, delta]) == [extreme, delta]


def test_a_tag_is_the_only_key_of_an_object():
    identity = uuid.UUID(int=1)
    value = [
        datetime(2026, 11, 22, 10, tzinfo=UTC),
        datetime(2026, 11, 22, 10),  # noqa: DTZ001 (naive on purpose)
        date(2026, 11, 22),
        time(10, 30, 0, 5),
        timedelta(days=-1, microseconds=1),
        identity,
        Decimal("1.50"),
        b"\x00\xff",
    ]
    assert json.loads(encode(value, at="args")) == [
        {"$datetime": "2026-11-22T10:00:00+00:00"},
        {"$datetime": "2026-11-22T10:00:00"},
        {"$date": "2026-11-22"},
        {"$time": "10:30:00.000005"},
        {"$timedelta": "-86399999999"},
        {"$uuid": str(identity)},
        {"$decimal": "1.50"},
        {"$bytes": "AP8="},
    ]


def test_an_aware_datetime_keeps_its_instant_and_its_offset():
    moment = datetime(2026, 11, 22, 10, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    assert back(moment) == moment
    assert back(moment).utcoffset() == timedelta(hours=5, minutes=45)


def test_a_decimal_keeps_its_digits_and_sign():
    for text in ("1.50", "-0", "0E-10", "1E+400", "0." + "1" * 60):
        assert str(back(Decimal(text))) == text


@pytest.mark.parametrize("key", ["$", "$$", "$uuid", "$$uuid", "$dict", "$future"])
def test_a_dict_with_one_dollar_key_comes_back_as_itself(key):
    value = {key: "00000000-0000-0000-0000-000000000001"}
    assert back(value) == value
    assert back({key: {key: [value]}}) == {key: {key: [value]}}
    assert json.loads(encode(value, at="args")) == {"$" + key: value[key]}


def test_a_dict_with_more_keys_is_stored_as_it_is():
    value = {"$uuid": 1, "b": {}}
    assert json.loads(encode(value, at="args")) == value == back(value)


def test_a_large_float_stays_a_float_although_jsonb_writes_exponents_out():
    for number in (1e16, -1e16, 1e23, sys.float_info.max):
        text = encode(number, at="result")
        assert "e" not in text
        assert text.endswith(".0")
        assert decode(text) == number
        assert type(decode(text)) is float


def test_text_beyond_ascii_is_stored_as_it_is():
    assert encode("日本 é 😀 \x7f", at="args") == '"日本 é 😀 \x7f"'


def test_a_tuple_comes_back_as_a_list():
    pair = namedtuple("pair", "a b")  # noqa: PYI024 (the plain one)
    assert back(((1, 2), pair(3, 4))) == [[1, 2], [3, 4]]


def test_enum_members_are_stored_by_value():
    assert back([Colour.RED, Level.LOW, Unit.KG, Mixed.A]) == ["red", 1, "kg", 7]
    assert encode([Level.LOW, Unit.KG], at="args") == '[1,"kg"]'


def test_instances_of_subclasses_are_stored_as_their_base():
    value = [Sub.Str("a"), Sub.Int(1), Sub.Float(0.5), Sub.List([1]), Sub.Dict(a=1)]
    assert encode(value, at="args") == '["a",1,0.5,[1],{"a":1}]'
    assert encode({Sub.Str("k"): OrderedDict(a=1)}, at="args") == '{"k":{"a":1}}'
    for moment in (Sub.Datetime(2026, 11, 22), Sub.Datetime(2026, 11, 22, tzinfo=UTC)):
        assert type(back(moment)) is datetime
        assert back(moment) == moment


def test_a_subclass_of_datetime_is_stored_in_an_hour_that_clocks_repeat():
    moment = Sub.Datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)
    assert back(moment) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_a_subclass_that_holds_more_than_its_base_is_refused():
    class NaT(datetime):
        def __eq__(self, other):
            return False

        def __ne__(self, other):
            return True

        __hash__ = None

    assert refusal([NaT(1, 1, 1)]).endswith("equals no datetime; convert it")


# Refusals


class TestPath:
    def test_it_leads_to_the_value(self):
        assert refusal({"when": [1, 2, {3}]}, at="kwargs").startswith("kwargs['when'][2]: {3} ")
        assert refusal([{"a b": {"amount": math.inf}}]).startswith("args[0]['a b']['amount']: inf ")
        assert refusal(object(), at="result").startswith("result: <object object")

    def test_it_leads_to_a_bad_key(self):
        assert refusal([{1: 2}]) == "args[0][1]: the key is of type int; pass a str"
        assert refusal([{None: 2}]).startswith("args[0][None]: the key is of type NoneType;")
        assert refusal({"a\0b": 1}, at="kwargs").startswith(r"kwargs['a\x00b']: 'a\x00b' contains")

    def test_a_long_key_is_shortened_and_control_characters_are_escaped(self):
        message = refusal({"line\nbreak\u2028" + "x" * 1_000_000: {1}}, at="kwargs")
        assert message.startswith(r"kwargs['line\nbreak\u2028xxx")
        assert len(message) < 500


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("-inf")])
def test_numbers_that_are_not_finite_are_refused(number):
    assert refusal([number]) == f"args[0]: {number!r} is not finite; pass None or a str"


@pytest.mark.parametrize("text", ["a\0b", "\0", "\ud800", "é\udfff"])
def test_text_that_jsonb_cannot_hold_is_refused_as_value_and_as_key(text):
    assert refusal([text]).startswith(f"args[0]: {text!r} contains ")
    assert refusal([{text: 1}]).startswith(f"args[0][{text!r}]: {text!r} contains ")
    assert refusal([text]).endswith("; pass bytes")
    refusal([text]).encode()  # can itself be logged and stored


def test_integers_of_up_to_4000_digits_are_stored():
    largest = 10**4000 - 1
    assert back([largest, -largest]) == [largest, -largest]
    for beyond in (largest + 1, -largest - 1, 10**1_000_000):
        assert refusal([beyond]).startswith("args[0]: an integer of more than 4,000 digits;")


def test_nesting_of_up_to_100_levels_is_stored_and_read():
    assert back(nested(100)) == nested(100)
    for levels in (101, 5_000, 200_000):
        message = refusal(nested(levels))
        assert message.startswith("args" + 100 * "[0]" + ": nested deeper than 100 levels;")


def test_escaping_dollar_keys_takes_no_level():
    value = {}
    for _ in range(MAX_DEPTH - 1):
        value = {"$a": value}
    assert back(value) == value


def test_a_circular_reference_is_named_where_it_closes():
    order = {"lines": [1]}
    order["lines"].append({"order": order})
    message = refusal([order])
    assert message.startswith("args[0]['lines'][1]['order']: a circular reference;")


def test_a_container_may_appear_twice():
    shared = [1]
    assert back([shared, {"a": shared}]) == [[1], {"a": [1]}]


def test_references_that_multiply_are_refused_before_they_fill_the_memory():
    value = ["x" * 1000]
    for _ in range(60):
        value = [value, value]
    assert "bytes as JSON" in refusal(value)


class TestSize:
    def test_the_message_says_where_how_large_and_what_to_do(self):
        message = refusal({"blob": "x" * 10_000_000, "b": 1}, at="kwargs")
        assert message == (
            "kwargs['blob']: takes 10,000,002 or more bytes as JSON, of at most 4,194,304; "
            "store large data in a table or a file, and pass its key"
        )

    def test_it_counts_bytes_of_the_whole_text(self):
        assert encode(["é" * 3], at="args", max_bytes=10) == '["ééé"]'
        assert refusal(["é" * 3], max_bytes=9).startswith("args: takes 10 bytes as JSON, of at")
        assert refusal([[1, 2], [3, 4]], max_bytes=12).startswith("args: takes 13 bytes")

    def test_it_holds_for_keys_and_bytes_too(self):
        assert "args[0]['xxx" in refusal([{"x" * 5_000_000: 1}])
        assert "args[0]: takes" in refusal([b"x" * 5_000_000])


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({1, 2}, "set"),
        (frozenset(), "frozenset"),
        (bytearray(b"x"), "bytearray"),
        (1j, "complex"),
        (range(3), "range"),
        (ValueError("x"), "ValueError"),
        (int, "type"),
        pytest.param(MagicMock(spec=int), "unittest.mock.MagicMock", id="a mock"),
    ],
)
def test_any_other_type_is_refused_with_its_name_and_what_is_allowed(value, name):
    message = refusal({"v": value}, at="kwargs")
    assert message.startswith("kwargs['v']: ")
    assert message.endswith(
        f" is of type {name}; allowed are NoneType, bool, int, float, str, list, tuple, dict, "
        "datetime, date, time, timedelta, UUID, Decimal, bytes and Enum"
    )


def test_a_dataclass_is_refused_with_a_proposal():
    for order in (Order(1), DictOrder()):
        message = refusal([order])
        assert message.startswith("args[0]: ")
        assert message.endswith("a dataclass: pass dataclasses.asdict(value)")


class Huge:
    def __repr__(self):
        return "x" * 50_000_000


class Forger:
    def __repr__(self):
        return "\x1b[2J\nERROR forged\u2028\ud800"


def test_no_repr_breaks_or_bloats_a_message():
    assert f"args[0]: <{__name__}.Unprintable> is of type" in refusal([Unprintable()])
    assert len(refusal([Huge()])) < 500
    assert r"args[0]: \x1b[2J\nERROR forged\u2028\ud800 is of" in refusal([Forger()])
    assert len(refusal([{10**5000}, {1}])) < 500


# Reading


def test_unknown_tags_stay_as_they_are():
    assert decode('{"$money": ["1.50", "EUR"]}') == {"$money": ["1.50", "EUR"]}
    assert decode('[{"$": 1}, {"$type": "os.system"}]') == [{"$": 1}, {"$type": "os.system"}]


@pytest.mark.parametrize(
    "tag", ["datetime", "date", "time", "timedelta", "uuid", "decimal", "bytes"]
)
@pytest.mark.parametrize(
    "content",
    [
        *("nonsense!", "\ud800", "{" * 200, "NaN", "1e99999999999999999999"),
        *(5, 1.5, None, True, [], [0, [1], 2], {}, {"a": 1}),
    ],
)
def test_a_malformed_tagged_value_is_refused(tag, content):
    text = json.dumps({"a": {"$" + tag: content}})
    assert unreadable(text).startswith("{'$" + tag + "': ")
    unreadable(text).encode()


def test_bytes_that_postgresql_has_encoded_with_line_breaks_are_read():
    assert decode('{"$bytes": "AAAA\\nAAAA"}') == bytes(6)


@pytest.mark.parametrize("text", ["", " ", "[1", "nope", "[1]]", '{"a"}', "'a'", '"a\nb"'])
def test_text_that_is_not_json_is_refused(text):
    assert "cannot be read as JSON" in unreadable(text)


def test_numbers_beyond_what_python_reads_are_refused():
    for text in ("1e20000", "-1e400", "[1.5, 1e309]", "1" * 400 + ".5", "NaN", "[-Infinity]"):
        assert "not a finite float; store it as a string" in unreadable(text)
    for text in ("1" * 20_001, '{"$x": [' + "9" * 131_072 + "]}"):
        assert "cannot be read as JSON" in unreadable(text)
    assert decode("1e-20000") == 0.0
    assert decode("1" + "0" * 400) == 10**400


@pytest.mark.parametrize("step", ["[", '{"a":', '{"$a":', '[{"a":'])
def test_text_nested_too_deep_is_refused(step):
    for steps in (101, 150, 5_000, 100_000):
        closing = step.translate({ord("["): "]", ord("{"): "}", ord('"'): "", ord("a"): ""})
        closing = closing.replace("$", "").replace(":", "")[::-1]
        message = unreadable(step * steps + "1" + closing * steps)
        assert "nested deeper" in message or "recursion depth" in message
        assert len(message) < 500


def test_many_brackets_are_not_deep():
    value = [[[]] * 1000, "[" * 1000, nested(MAX_DEPTH - 1)]
    assert decode(json.dumps(value)) == value
    assert decode('"' + "[" * 1000 + '"') == "[" * 1000


@given(st.text() | st.text('[]{}"$uid:,01e.-'))
def test_reading_raises_nothing_but_invalid_payload(text):
    try:
        decode(text)
    except InvalidPayload as error:
        assert len(str(error)) < 1000  # noqa: PT017


# Exceptions


def described(raise_, **options):
    try:
        raise_()
    except BaseException as error:  # noqa: BLE001
        return describe_exception(error, **options)


class CustomError(Exception):
    pass


class BrokenError(Exception):
    def __str__(self):
        raise SystemExit

    __repr__ = __str__


def throw(error, cause=None):
    raise error from cause


def test_a_summary_is_qualified_unless_builtin():
    assert described(lambda: throw(ValueError("no")))[0] == "ValueError: no"
    assert described(lambda: throw(CustomError("no")))[0] == f"{__name__}.CustomError: no"
    assert described(lambda: throw(KeyError()))[0] == "KeyError"


def test_the_traceback_is_python_s_own_without_locals():
    def fail():
        secret = "hunter" + "2"
        raise ValueError(len(secret))

    try:
        fail()
    except ValueError as error:
        text = describe_exception(error)[1]
        assert text == traceback.format_exc()
        assert "\n    raise ValueError(len(secret))\n" in text
        assert "hunter2" not in text


def test_a_summary_is_one_line_whatever_the_message_holds():
    forged = "a\nERROR forged\r\x1b[2J\x85\u2028\u202e\x00\ud800\té"
    summary, text = described(lambda: throw(ValueError(forged)))
    assert summary == (r"ValueError: a\nERROR forged\r\x1b[2J\x85\u2028\u202e\x00\ud800\té")
    assert text.endswith(
        "ValueError: a\nERROR forged\\r\\x1b[2J\\x85\\u2028\\u202e\\x00\\ud800\té\n"
    )


def test_a_broken_str_does_not_break_the_description():
    summary, text = described(lambda: throw(BrokenError()))
    assert summary == f"{__name__}.BrokenError: <its __str__ raised>"
    assert "throw(BrokenError())" in text


def test_an_exception_that_cannot_be_formatted_keeps_its_frames(monkeypatch):
    monkeypatch.setattr(traceback, "format_exception", lambda _: throw(SystemExit()))
    text = described(lambda: throw(ValueError("no")))[1]
    assert "in throw\n" in text
    assert text.endswith("\nValueError: no\n")


class Nameless(type):
    def __getattribute__(cls, name):
        if name == "__qualname__":
            raise KeyError(name)
        return super().__getattribute__(name)


def test_a_class_without_a_usable_name_is_described():
    error = Nameless("Odd", (Exception,), {})("no")
    assert describe_exception(error)[0] == "a nameless class: no"
    odd = type("a\nb", (Exception,), {"__module__": "m"})("no")
    assert describe_exception(odd)[0] == r"m.a\nb: no"


@pytest.mark.parametrize("part", ["x", "é", "😀", "\0", "\ud800", "a line of text\n"])
def test_a_message_of_50_megabytes_is_cut_in_the_middle(part):
    message = "begin" + part * (50_000_000 // len(part)) + "end"
    summary, text = described(lambda: throw(ValueError(message)), max_bytes=10_000)
    for shown, limit in ((summary, 4096), (text, 10_000)):
        assert len(shown.encode()) <= limit
        assert len(shown.encode()) > limit * 0.8
        assert "characters left out" in shown
    assert summary.startswith("ValueError: begin")
    assert summary.endswith("end")


def test_the_note_counts_what_was_left_out():
    summary = described(lambda: throw(ValueError("x" * 100_000)))[0]
    left_out = int(summary.split("[... ")[1].split(" ")[0].replace(",", ""))
    assert left_out + summary.count("x") == 100_000


@pytest.mark.parametrize("max_bytes", [0, 1, 10, 45, 46, 47, 100, 101])
def test_a_small_limit_ends(max_bytes):
    summary, text = describe_exception(ValueError("é" * 200), max_bytes=max_bytes)
    assert max(len(summary.encode()), len(text.encode())) <= max(max_bytes, 50)


def test_causes_that_go_in_circles_are_described():
    a, b = ValueError("a"), KeyError("b")
    a.__cause__, b.__cause__ = b, a
    summary, text = described(lambda: throw(a, b))
    assert summary == "ValueError: a"
    assert "KeyError: 'b'" in text


def test_long_chains_are_described():
    error = ValueError("first")
    for number in range(10_000):
        following = ValueError(number)
        following.__cause__ = error
        error = following
    summary, text = describe_exception(error)
    assert summary == "ValueError: 9999"
    assert text.endswith("ValueError: 9999\n")


def test_exception_groups_are_described_with_their_members():
    group = ExceptionGroup("all", [ValueError("one"), BrokenError()])
    summary, text = described(lambda: throw(group))
    assert summary == "ExceptionGroup: all (2 sub-exceptions)"
    assert "ValueError: one" in text


def test_groups_nested_without_end_are_described():
    group = ExceptionGroup("innermost", [ValueError("one")])
    for _ in range(5_000):
        group = ExceptionGroup("outer", [group])
    summary, text = described(lambda: throw(group))
    assert summary == "ExceptionGroup: outer (1 sub-exception)"
    assert summary in text


def test_a_recursion_10000_deep_is_described():
    def ping(depth):
        return pong(depth + 1)

    def pong(depth):
        return ping(depth + 1)

    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        with pytest.raises(RecursionError) as caught:
            ping(0)
    finally:
        sys.setrecursionlimit(before)
    summary, text = describe_exception(caught.value)
    assert summary.startswith("RecursionError: maximum recursion depth exceeded")
    assert text.startswith("Traceback (most recent call last):\n")
    assert summary in text
    assert len(text.encode()) <= 65_536


def test_the_same_group_again_and_again_is_described_in_no_time_and_room():
    """Unfolded, it would have more members than there are atoms."""
    error = ValueError("the first")
    for _ in range(300):
        error = ExceptionGroup("twice", [error, error])
    summary, text = described(lambda: throw(error))
    assert summary == "ExceptionGroup: twice (2 sub-exceptions)"
    assert text.startswith("ValueError: the first\n")
    assert "exceptions left out" in text
    assert "in throw\n" in text
    assert text.endswith(f"\n{summary}\n")


def test_of_a_long_chain_both_ends_are_described():
    error = ValueError("the cause of it all")
    for number in range(10_000):
        following = ValueError(number)
        following.__cause__ = error
        error = following
    text = describe_exception(error)[1]
    assert text.startswith("ValueError: the cause of it all\n")
    assert text.endswith("ValueError: 9998\n\nValueError: 9999\n")
    assert "9,980 exceptions left out" in text


def test_members_and_causes_without_end_are_described():
    class Again(ExceptionGroup):
        @property
        def exceptions(self):
            return (self, self)

    class Because(Exception):
        @property
        def __cause__(self):
            return Because("and that")

    for error in (Again("group", [ValueError()]), Because("this")):
        assert describe_exception(error)[0] in describe_exception(error)[1]


def test_what_takes_no_room_or_turns_text_around_is_escaped_and_joiners_are_not():
    assert one_line("a\u200bb\u200ec\u061cd\ufeffe\xadf\U000e0041") == (
        r"a\u200bb\u200ec\u061cd\ufeffe\xadf\U000e0041"
    )
    family = "\U0001f469\u200d\U0001f469"
    assert one_line(family) == family


class Spoken(list):
    """Says how far it was read."""

    read = 0

    def __iter__(self):
        while True:
            self.read += 1
            yield "x" * 1000


def test_a_list_that_is_too_large_is_not_read_to_its_end():
    value = Spoken()
    assert "takes more than 100,000 bytes as JSON" in refusal([value], max_bytes=100_000)
    assert value.read < 150
