"""Which key makes a job unique, and what that means for the next call with it: pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from pgqueue.codec import encode
from pgqueue.errors import InvalidOption
from pgqueue.misspelt import nearest
from pgqueue.rows import Unique

KEEP, REPLACE, RAISE = "keep", "replace", "raise"
START, END = "start", "end"
MAX_KEY_BYTES = 200
#: Seconds, about 30 years.
LONGEST = 10**9

#: The options of a task or a call that are about it.
OPTIONS = ("unique", "unique_key", "unique_until", "unique_for", "on_duplicate")

#: Returns the arguments of a call by the names of the task's parameters, defaults among them.
Bound = Callable[[], Mapping[str, Any]]


def unique_of(task: str, options: Mapping[str, Any], bound: Bound | None) -> Unique | None:
    """Return what makes the job of a call unique; None if it need not be.

    `bound` is None where nobody knows the task's parameters.

    >>> unique_of("sync", {"unique": ["customer"]}, lambda: {"customer": 42, "force": False}).key
    'sync:a6384576ca8584175cfe9f65d7014941'
    >>> unique_of("sync", {"unique_key": "nightly", "unique_for": 60}, None)
    Unique(key='nightly', until_start=False, seconds=60.0, on_duplicate='keep')
    """
    unique, key = options.get("unique"), options.get("unique_key")
    checked_unique(options)
    if not is_asked(options, declared=False):
        return None
    if key is None:
        if bound is None:
            raise InvalidOption(
                f"unique={unique!r}: no task is named {task!r} here, and its parameters are not "
                "known; give unique_key="
            )
        key = key_of(task, bound(), () if isinstance(unique, bool) else unique or ())
    policy = options.get("on_duplicate") or KEEP
    until = options.get("unique_until") or (START if policy == REPLACE else END)
    seconds = options.get("unique_for")
    return Unique(key, until == START, None if seconds is None else float(seconds), policy)


def is_asked(options: Mapping[str, Any], declared: bool) -> bool:
    """Return whether a call asks for a unique key: by its options, or by what its task declares.

    >>> is_asked({"unique": False}, True), is_asked({"unique_key": "a"}, False)
    (False, True)
    """
    unique = options.get("unique")
    if unique is None:
        return declared or options.get("unique_key") is not None
    return unique is not False


def key_of(task: str, arguments: Mapping[str, Any], names: Sequence[str] = ()) -> str:
    """Return the key of a task and its arguments, or of those of these names only.

    The same in every process and release: a hash of the arguments' JSON, with all names in order.

    >>> one, other = {"a": 1, "b": {"x": 1, "y": 2}}, {"b": {"y": 2, "x": 1}, "a": 1}
    >>> key_of("sync", one) == key_of("sync", other)
    True
    """
    chosen = arguments
    if names:
        for name in names:
            if name not in arguments:
                raise InvalidOption(
                    f"unique={list(names)!r}: {task} has no argument {name!r}; there are: "
                    + ", ".join(arguments)
                )
        chosen = {name: arguments[name] for name in names}
    plain = json.loads(encode(dict(chosen), at="arguments"))
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    # The name is there to be read; where it would leave no room, the hash alone tells tasks apart.
    digest = sha256(f"{task}:{text}".encode()).hexdigest()[:32]
    return f"{task}:{digest}" if len(task.encode()) < MAX_KEY_BYTES - len(digest) else digest


def checked_names(task: Any) -> None:
    """Refuse `unique=` of a task that names an argument which the task does not have."""
    if not isinstance(task.unique, (list, tuple)):
        return
    parameters = task._signature.parameters  # noqa: SLF001 (made when it is bound)
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return
    for name in task.unique:
        if name not in parameters:
            near = nearest(name, parameters)
            hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(parameters)}"
            raise InvalidOption(
                f"{task.name}: unique={list(task.unique)!r}: it has no argument {name!r}; "
                f"{hint if parameters else 'it has none at all'}"
            )


def checked_unique(options: Mapping[str, Any]) -> None:
    """Refuse options about uniqueness that are out of their range, or contradict each other."""
    for name, check in _CHECKS.items():
        if options.get(name) is not None:
            check(name, options[name])
    unique, key = options.get("unique"), options.get("unique_key")
    if key is None and unique is None:
        for name in OPTIONS:
            if options.get(name) is not None:
                raise InvalidOption(
                    f"{name}={options[name]!r}: of which key? Give unique= or unique_key= besides"
                )
    if options.get("on_duplicate") == REPLACE:
        for name, allowed in (("unique_until", START), ("unique_for", None)):
            if options.get(name) not in (None, allowed):
                raise InvalidOption(
                    f"{name}={options[name]!r}: only a queued job can be replaced: with "
                    "on_duplicate='replace', it holds its key until it starts; leave this out"
                )


def _unique(name: str, value: object) -> None:
    if isinstance(value, bool):
        return
    if isinstance(value, (list, tuple)) and value and all(isinstance(each, str) for each in value):
        return
    raise InvalidOption(
        f"{name}={value!r}: give True for all arguments, or a list of names: ['customer_id']"
    )


def _key(name: str, value: object) -> None:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise InvalidOption(f"{name}={value!r}: a key is a text of printable characters")
    if len(value.encode("utf-8", "replace")) > MAX_KEY_BYTES:
        raise InvalidOption(
            f"{name}={value[:40]!r}…: a key has at most {MAX_KEY_BYTES} bytes; take a hash of it"
        )


def _until(name: str, value: object) -> None:
    if value not in (START, END):
        raise InvalidOption(
            f"{name}={value!r}: give 'end', or 'start' to be held until the job runs"
        )


def _seconds(name: str, value: object) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (number and 0 < value <= LONGEST):  # type: ignore[operator] # (it is a number)
        raise InvalidOption(f"{name}={value!r}: give a number of seconds, up to {LONGEST:,}")


def _policy(name: str, value: object) -> None:
    if value not in (KEEP, REPLACE, RAISE):
        raise InvalidOption(f"{name}={value!r}: give 'keep', 'replace' or 'raise'")


_CHECKS: dict[str, Callable[[str, object], None]] = {
    "unique": _unique,
    "unique_key": _key,
    "unique_until": _until,
    "unique_for": _seconds,
    "on_duplicate": _policy,
}
