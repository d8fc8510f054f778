"""Values and exceptions of unknown origin as text: bounded, and unable to forge a line."""

from __future__ import annotations

import re
import reprlib
import traceback
from collections.abc import Callable

MAX_SUMMARY_BYTES = 4 * 1024
MAX_TRACEBACK_BYTES = 64 * 1024

# With the separators at which str.splitlines() breaks, and what reverses the direction of text.
_UNSAFE = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
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
    message = _safely(lambda: str(error), "<its __str__ raised>")
    summary = f"{name_of(type(error))}{message and ': '}{message}"
    # Formatting runs code of every exception in the chain, and recurses into nested groups.
    text = _safely(lambda: "".join(traceback.format_exception(error)), "")
    if not text:
        text = _safely(lambda: "".join(traceback.format_tb(error.__traceback__)), "")
        text += f"{summary}\n"
    return (
        _fitted(_CONTROLS, summary, min(max_bytes, MAX_SUMMARY_BYTES)),
        _fitted(_CONTROLS_IN_LINES, text, max_bytes),
    )


def one_line(text: str) -> str:
    r"""Return a text with its control characters escaped, so that it stays on its line.

    >>> print(one_line("one\ntwo"))
    one\ntwo
    """
    return text if text.isprintable() else _CONTROLS.sub(_escaped, text)


def name_of(kind: type) -> str:
    """Return the qualified name of a class, whatever the class does to hide it."""
    name = _safely(lambda: f"{kind.__module__}.{kind.__qualname__}", "a nameless class")
    return _fitted(_CONTROLS, name.removeprefix("builtins."), 200)


def shortened(value: object) -> str:
    """Return a repr that fits into a message, even of what has no repr."""
    text = _safely(lambda: _SHORT_REPR.repr(value), f"<{name_of(type(value))}>")
    return _fitted(_CONTROLS, text, 200)


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
