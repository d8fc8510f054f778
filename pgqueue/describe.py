"""Values and exceptions of unknown origin as text: bounded, and unable to forge a line."""

from __future__ import annotations

import contextlib
import re
import reprlib
import traceback
from collections.abc import Callable, Iterator
from itertools import islice
from types import TracebackType
from typing import TypeAlias

ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

MAX_SUMMARY_BYTES = 4 * 1024
MAX_TRACEBACK_BYTES = 64 * 1024

#: Python's own formatting unfolds every group however often it occurs, and cuts every message into
#: lines: more exceptions, or longer messages, could take it hours and all memory.
MANY, LONG = 500, 1024 * 1024
#: Of those, so many of the newest and of the oldest are shown, with so many bytes of message each.
ENDS, LINE = 10, 1000

# With the separators at which str.splitlines() breaks, what reverses the direction of text, and
# what takes no room (except joiners, which scripts and emoji need).
_UNSAFE = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    r"\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
_CONTROLS, _CONTROLS_IN_LINES = re.compile(rf"[\t\n{_UNSAFE}]"), re.compile(f"[{_UNSAFE}]")
_SHORT_REPR = reprlib.Repr()
_SHORT_REPR.maxstring = _SHORT_REPR.maxother = 60


def describe_exception(
    error: BaseException, *, max_bytes: int = MAX_TRACEBACK_BYTES
) -> tuple[str, str]:
    r"""Return a line that sums up `error`, and its traceback without local variables.

    Never raises, whatever the exception does. PostgreSQL's `text` accepts both: control characters
    and lone surrogates are escaped (the traceback keeps its line breaks). The traceback takes up to
    `max_bytes` of UTF-8, the line up to 4 KiB of these; what is longer is cut in the middle, with
    a note of how many characters were left out (give 100 bytes or more, to have room for it).

    >>> describe_exception(ValueError("two\nlines"))
    ('ValueError: two\\nlines', 'ValueError: two\nlines\n')
    """
    summary, text = _summary(error), ""
    # Formatting runs code of every exception in the chain, and recurses into nested groups.
    if _is_modest(error):
        text = _safely(lambda: "".join(traceback.format_exception(error)), "")
    return (
        _fitted(_CONTROLS, summary, min(max_bytes, MAX_SUMMARY_BYTES)),
        _fitted(_CONTROLS_IN_LINES, text or _relatives(error) + _alone(error, summary), max_bytes),
    )


def one_line(text: str) -> str:
    r"""Return a text with its control characters escaped, so that it stays on its line.

    >>> print(one_line("one\ntwo"))
    one\ntwo
    """
    return text if text.isprintable() else _CONTROLS.sub(_escaped, text)


def lines(text: str) -> str:
    r"""Return a text with its control characters escaped, except for its line breaks and tabs.

    >>> print(lines("red\x1b[31m\nnext"))
    red\x1b[31m
    next
    """
    return _CONTROLS_IN_LINES.sub(_escaped, text)


def traceback_of(error: BaseException) -> TracebackType | None:
    """Return the traceback of an exception, whatever it says itself."""
    return BaseException.__dict__["__traceback__"].__get__(error)  # type: ignore[no-any-return]


def exc_info_of(error: BaseException | None) -> ExcInfo:
    """Return what `logging` takes as `exc_info`; it asks an exception whether it is true."""
    return (None, None, None) if error is None else (type(error), error, traceback_of(error))


def name_of(kind: type) -> str:
    """Return the qualified name of a class, whatever the class does to hide it."""
    name = _safely(lambda: f"{kind.__module__}.{kind.__qualname__}", "a nameless class")
    return _fitted(_CONTROLS, name.removeprefix("builtins."), 200)


def shortened(value: object) -> str:
    """Return a repr that fits into a message, even of what has no repr."""
    text = _safely(lambda: _SHORT_REPR.repr(value), f"<{name_of(type(value))}>")
    return _fitted(_CONTROLS, text, 200)


def _summary(error: BaseException) -> str:
    message = _safely(lambda: str(error), "<its __str__ raised>")
    return f"{name_of(type(error))}{message and ': '}{message}"


def _is_modest(error: BaseException) -> bool:
    try:
        family = list(islice(_family(error), MANY + 1))
        return len(family) <= MANY and all(len(_summary(each)) <= LONG for each in family)
    except BaseException:  # noqa: BLE001 (attributes of an exception may be overridden, too)
        return False


def _family(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, what it came from and contains; a group as often as it occurs."""
    ahead, origins = [error], {id(error)}
    while ahead:
        each = ahead.pop()
        yield each
        if isinstance(each, BaseExceptionGroup):
            ahead += each.exceptions[:MANY]
        for origin in (each.__context__, each.__cause__):
            if origin is not None and id(origin) not in origins:
                origins.add(id(origin))
                ahead.append(origin)


def _relatives(error: BaseException) -> str:
    """Return what an exception came from and contains in short, the oldest first."""
    others: dict[int, BaseException] = {}
    with contextlib.suppress(BaseException):
        others.update((id(each), each) for each in islice(_family(error), 100 * MANY))
    others.pop(id(error), None)
    oldest_first = list(others.values())[::-1]
    left_out = len(oldest_first) - 2 * ENDS
    if left_out > 0:
        oldest_first[ENDS:-ENDS] = []
    texts = [_alone(each, _fitted(_CONTROLS, _summary(each), LINE)) for each in oldest_first]
    if left_out > 0:
        texts.insert(ENDS, f"[... {left_out:,} exceptions left out ...]\n")
    return "".join(f"{text}\n" for text in texts)


def _alone(error: BaseException, summary: str) -> str:
    return _safely(lambda: "".join(traceback.format_tb(traceback_of(error))), "") + f"{summary}\n"


def _safely(text: Callable[[], str], otherwise: str) -> str:
    try:
        return str.__str__(text())  # a subclass of str could override anything
    except BaseException:  # noqa: BLE001 (a broken __str__ may raise even SystemExit)
        return otherwise


def _fitted(unsafe: re.Pattern[str], text: str, max_bytes: int) -> str:
    half = max_bytes // 2
    while True:
        shown = text
        if (excess := len(text) - 2 * half) > 0:
            note = f" [... {excess:,} characters left out ...] "
            shown = f"{text[:half]}{note}{text[len(text) - half :]}"
        shown = unsafe.sub(_escaped, shown)
        if half == 0 or len(shown.encode()) <= max_bytes:
            return shown
        half = half * 9 // 10  # the note, escapes and characters beyond ASCII take bytes too


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
