"""Values as JSON text for PostgreSQL's `jsonb`.

A closed set of types round-trips; anything else is refused, with the path of the value. What JSON
lacks is a *tagged* object, whose only key begins with "$": `{"$uuid": "…"}`. A user's dict of that
shape is stored with one more "$" (`{"$$uuid": "…"}`), which `decode` takes off again.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias
from uuid import UUID

from pgqueue.describe import name_of, shortened
from pgqueue.errors import InvalidPayload

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 100
MAX_DIGITS = 4_000  # Python reads integers of up to 4,300 digits


def encode(value: Any, *, at: str, max_bytes: int = MAX_BYTES) -> str:
    """Return `value` as JSON text that `jsonb` accepts and `decode` turns back into the value.

    `at` names the place ("args", "result"); it begins the message of InvalidPayload, which is
    raised for a value that cannot be stored, or whose text takes more than `max_bytes` of UTF-8.
    A tuple comes back as a list, an Enum member as its value, an instance of a subclass as its
    base, a time zone as its offset from UTC; `jsonb` itself makes 0.0 of -0.0.

    >>> encode({"due": date(2026, 11, 22)}, at="kwargs")
    '{"due":{"$date":"2026-11-22"}}'
    >>> encode([{"rates": [0.5, float("nan")]}], at="args")
    Traceback (most recent call last):
    pgqueue.errors.InvalidPayload: args[0]['rates'][1]: nan is not finite; pass None or a str
    """
    try:
        return _write(value, (), max_bytes)
    except InvalidPayload as refused:
        raise InvalidPayload(f"{at}{refused}") from None


def decode(text: str) -> Any:
    """Return the value of JSON text that `encode`, `jsonb`, or somebody's SQL has written.

    Nothing that the text names is imported or called, and an unknown tag stays a dict. Raises
    InvalidPayload for text that is not JSON, a malformed tagged value, nesting beyond MAX_DEPTH,
    an integer of more digits than Python reads, and a number beyond a float's range (such as 1e400,
    but `jsonb` returns that written out: an integer). A number too small for a float is 0.0.

    >>> decode('{"due": {"$date": "2026-11-22"}, "by": {"$new": 1}}')
    {'due': datetime.date(2026, 11, 22), 'by': {'$new': 1}}
    """
    try:
        value = _decode_tagged(text) if '"$' in text else _decode_plain(text)
    except InvalidPayload:
        raise
    except (ValueError, RecursionError) as error:  # not JSON, or too long an integer; too deep
        raise InvalidPayload(f"{shortened(text)}: cannot be read as JSON: {error}") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and is_deeper([value], MAX_DEPTH):
        raise InvalidPayload(f"{shortened(text)}: {_TOO_DEEP}")
    return value


# Writing. `around` holds the ids of the containers around the value, `limit` is in bytes. What
# refuses a value raises InvalidPayload(": reason"); each container then puts its step before it.

_Writer: TypeAlias = Callable[[Any, tuple[int, ...], int], str]


def _write(value: Any, around: tuple[int, ...], limit: int) -> str:
    return (_WRITERS.get(type(value)) or _inherited_writer(value))(value, around, limit)


def _write_container(value: Any, around: tuple[int, ...], limit: int) -> str:
    if id(value) in around:
        raise InvalidPayload(": a circular reference; refer to what is around it by a key")
    if len(around) == MAX_DEPTH:
        raise InvalidPayload(f": {_TOO_DEEP}")
    around += (id(value),)
    keyed, step, pieces, room = isinstance(value, dict), None, [], limit
    try:
        for step, item in value.items() if keyed else enumerate(value):
            key = _key(step, value, limit) if keyed else ""
            pieces.append(piece := key + _write(item, around, limit))
            if (room := room - len(piece) - 1) < -1:
                break  # what follows would only fill the memory
    except InvalidPayload as refused:
        raise InvalidPayload(f"[{shortened(step)}]{refused}") from None
    if room < -1:
        raise _too_large(f"more than {limit:,}", limit)
    text = ",".join(pieces)
    return _bounded(f"{{{text}}}" if keyed else f"[{text}]", limit)


def _key(key: Any, within: dict[Any, Any], limit: int) -> str:
    if not isinstance(key, str):
        raise InvalidPayload(f": the key is of type {name_of(type(key))}; pass a str")
    name = f"${key}" if len(within) == 1 and key.startswith("$") else key
    return f"{_write_str(name, (), limit)}:"


def _write_str(value: str, _around: tuple[int, ...], limit: int) -> str:
    if (length := str.__len__(value)) > limit:
        raise _too_large(f"{length + 2:,} or more", limit)
    if "\0" in value:
        raise InvalidPayload(f": {shortened(value)} contains NUL, which jsonb refuses; pass bytes")
    if not value.isascii() and (lone := _SURROGATE.search(value)):
        raise InvalidPayload(f": {shortened(value)} contains {lone[0]!a}, no character; pass bytes")
    return _bounded(_quote(value), limit)


def _write_int(value: int, _around: tuple[int, ...], _limit: int) -> str:
    if -_INT_END < value < _INT_END:
        return int.__repr__(value)
    raise InvalidPayload(f": an integer of more than {MAX_DIGITS:,} digits; pass it as a str")


def _write_float(value: float, _around: tuple[int, ...], _limit: int) -> str:
    if not math.isfinite(value):
        raise InvalidPayload(f": {shortened(value)} is not finite; pass None or a str")
    # jsonb returns 1e+16 written out: an integer, unless it has a decimal.
    return float.__repr__(value) if abs(value) < 1e16 else float.__format__(value, ".1f")  # noqa: PLR2004


def _inherited_writer(value: Any) -> _Writer:
    kind = type(value)  # isinstance() would believe a mock's __class__
    if issubclass(kind, Enum):
        return lambda member, around, limit: _write(member.value, around, limit)
    advice = f"allowed are {', '.join(each.__name__ for each in _WRITERS)} and Enum"
    if hasattr(kind, "__dataclass_fields__"):
        advice = "a dataclass: pass dataclasses.asdict(value)"
    elif known := [base for base in kind.__mro__ if base in _WRITERS]:
        return _WRITERS[known[0]]
    raise InvalidPayload(f": {shortened(value)} is of type {name_of(kind)}; {advice}")


def _tag_writer(tag: str) -> _Writer:
    kind, to_text, from_text = _TAGS[tag]

    def write(value: Any, _around: tuple[int, ...], limit: int) -> str:
        if kind is bytes and len(value) > limit:
            raise _too_large(f"more than {len(value):,}", limit)
        text = to_text(value)
        if type(value) is not kind:
            # Subclasses may hold what the base cannot: pandas' NaT, and its nanoseconds. Compared
            # without zones, which are never equal in an hour that clocks repeat (PEP 495).
            plain = value.replace(tzinfo=None) if kind is datetime else value
            if from_text(to_text(plain)) != plain:
                raise InvalidPayload(f": {shortened(value)} equals no {kind.__name__}; convert it")
        return _bounded(f'{{"{tag}":"{text}"}}', limit)

    return write


def _bounded(text: str, limit: int) -> str:
    if len(text) * 4 > limit and (size := len(text.encode())) > limit:
        raise _too_large(f"{size:,}", limit)
    return text


def _too_large(size: str, limit: int) -> InvalidPayload:
    return InvalidPayload(
        f": takes {size} bytes as JSON, of at most {limit:,}; "
        "store large data in a table or a file, and pass its key"
    )


# Reading


def _untag(found: dict[str, Any]) -> Any:
    if len(found) != 1:
        return found
    ((tag, text),) = found.items()
    if tag.startswith("$$"):
        return {tag[1:]: text}
    if tag not in _TAGS:
        return found
    kind, _, from_text = _TAGS[tag]
    try:
        if isinstance(text, str):
            return from_text(text)
    except (ValueError, ArithmeticError):  # Decimal and timedelta raise the latter
        pass
    raise InvalidPayload(f"{shortened(found)}: no {kind.__name__}; write it as encode() does")


def is_deeper(value: Any, levels: int) -> bool:
    """Return whether lists and dicts are nested deeper than so many levels below this one."""
    items = value.values() if type(value) is dict else value
    inner = (item for item in items if type(item) in (dict, list))
    return levels < 0 or any(is_deeper(item, levels - 1) for item in inner)


def _float(text: str) -> float:
    if math.isfinite(value := float(text)):
        return value
    raise InvalidPayload(f"{shortened(text)}: not a finite float; store it as a string")


def _decimal(number: Decimal | str) -> Decimal:
    if (value := Decimal(number)).is_finite():
        return value
    raise InvalidPayload(f": {shortened(number)} is not finite; pass None or a str")


def _bytes(text: str) -> bytes:
    return b64decode(text.replace("\n", ""), validate=True)  # PostgreSQL breaks lines at 76


_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels; flatten it, or store it as a string"
_INT_END = 10**MAX_DIGITS
_SURROGATE = re.compile(r"[\ud800-\udfff]")

_quote = json.JSONEncoder(ensure_ascii=False).encode
_decode_plain = json.JSONDecoder(parse_float=_float, parse_constant=_float).decode
_decode_tagged = json.JSONDecoder(
    object_hook=_untag, parse_float=_float, parse_constant=_float
).decode

# tag: (type, to text, from text)
_TAGS: dict[str, tuple[type, Callable[[Any], str], Callable[[str], object]]] = {
    "$datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "$date": (date, date.isoformat, date.fromisoformat),
    "$time": (time, time.isoformat, time.fromisoformat),
    "$timedelta": (
        timedelta,  # in microseconds, the only unit in which it is an integer
        lambda value: str(value // timedelta(microseconds=1)),
        lambda text: timedelta(microseconds=int(text)),
    ),
    "$uuid": (UUID, UUID.__str__, UUID),
    "$decimal": (Decimal, lambda value: str(_decimal(value)), _decimal),
    "$bytes": (bytes, lambda value: b64encode(value).decode(), _bytes),
}
_WRITERS: dict[type, _Writer] = {
    type(None): lambda *_: "null",
    bool: lambda value, *_: "true" if value else "false",
    int: _write_int,
    float: _write_float,
    str: _write_str,
    **dict.fromkeys((list, tuple, dict), _write_container),
    **{kind: _tag_writer(tag) for tag, (kind, _, _) in _TAGS.items()},
}
