"""An application of tasks that raise, return, log and do what nobody should."""

from __future__ import annotations

import asyncio
import enum
import logging
import os
import threading
import warnings
from functools import reduce

from pgqueue import PgQueue, Retry, StaleClaim

app = PgQueue("hostile")

#: What would begin a line, or drive a terminal, if it came through as it is.
FORGED = "\n12:00:00.000 INFO    w          all is well\r\x1b[2J\x1b[31m\x9b1m\x85\u2028\u202eevil"
NAMES = [
    'it\'s "quoted"; drop table pgqueue.jobs --',
    "よ" * 63,
    "%s %(name)s {0} $1 :name \\",
    "👩🏽 $$ /* E'\\x' */ é",
]


class Broken(Exception):
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class Exits(Exception):
    def __str__(self):
        raise SystemExit

    __repr__ = __str__


class NotText(Exception):
    def __str__(self):
        return 5  # noqa: PLE0307 (the point)


class Recurses(Exception):
    def __str__(self):
        return str(self)


class Lies(Exception):
    @property
    def __class__(self):
        raise KeyboardInterrupt


class Empty(Exception):
    def __len__(self):
        return 0


class Undecided(Exception):
    def __bool__(self):
        raise KeyboardInterrupt


class Untraceable(Exception):
    @property
    def __traceback__(self):
        raise KeyboardInterrupt


class Secretive(type):
    def __getattribute__(cls, name):
        raise KeyboardInterrupt


class Endless(dict):
    def items(self):
        while True:
            yield "key", "value"


class EndlessList(list):
    def __iter__(self):
        while True:
            yield 1


class Colour(enum.Enum):
    RED = 1

    @property
    def value(self):
        raise KeyError("red")


class Unprintable:
    def __repr__(self):
        raise SystemExit


def chain(length, attribute):
    error = ValueError("the first")
    for number in range(length):
        following = ValueError(number)
        setattr(following, attribute, error)
        error = following
    return error


def circle():
    a, b = ValueError("a"), ValueError("b")
    a.__cause__, b.__cause__ = b, a
    return a


def doubled(times):
    error = ValueError("the first")
    for _ in range(times):
        error = ExceptionGroup("twice the same", [error, error])
    return error


def circular():
    around = []
    around.append(around)
    return around


def noted():
    error = ValueError("see the notes")
    error.__notes__ = [FORGED, 5, Unprintable()] * 10_000
    return error


#: How to make what is raised, and the type that is reported.
ERRORS = {
    "str raises": (Broken, "support.hostile.Broken"),
    "str exits": (Exits, "support.hostile.Exits"),
    "str is no text": (NotText, "support.hostile.NotText"),
    "str recurses": (Recurses, "support.hostile.Recurses"),
    "lies about its class": (Lies, "support.hostile.Lies"),
    "says that it is false": (Empty, "support.hostile.Empty"),
    "does not say whether it is true": (Undecided, "support.hostile.Undecided"),
    "hides its traceback": (Untraceable, "support.hostile.Untraceable"),
    "a class without a name": (Secretive("A", (Exception,), {}), "a nameless class"),
    "a forged name": (
        type(f"A{FORGED}", (Exception,), {"__module__": f"m{FORGED}"}),
        "m\\n12",
    ),
    "a long name": (type("A" * 10**6, (Exception,), {"__module__": ""}), ".AAAA"),
    "a forged message": (lambda: ValueError(FORGED), "ValueError"),
    "50 MB": (lambda: ValueError("x" * 50_000_000), "ValueError"),
    "50 MB of lines": (lambda: ValueError("x\n" * 25_000_000), "ValueError"),
    "NUL": (lambda: ValueError("a\0b" * 1000), "ValueError"),
    "lone surrogates": (lambda: ValueError("\ud800\udfff" * 1000), "ValueError"),
    "separators of frames": (lambda: ValueError("\x1e\x1fS\x1f" * 1000), "ValueError"),
    "a circle of causes": (circle, "ValueError"),
    "10,000 causes": (lambda: chain(10_000, "__cause__"), "ValueError"),
    "10,000 contexts": (lambda: chain(10_000, "__context__"), "ValueError"),
    "groups in groups": (lambda: doubled(60), "ExceptionGroup"),
    "a wide group": (lambda: ExceptionGroup(FORGED, [ValueError()] * 200_000), "ExceptionGroup"),
    "notes": (noted, "ValueError"),
    "broken syntax": (lambda: SyntaxError("x", (FORGED, "one", [], 5)), "SyntaxError"),
    "itself as argument": (lambda: KeyError([Broken()]), "KeyError"),
    "exit": (lambda: SystemExit(3), "SystemExit"),
    "interrupt": (KeyboardInterrupt, "KeyboardInterrupt"),
    "generator exit": (GeneratorExit, "GeneratorExit"),
    "cancelled": (asyncio.CancelledError, "asyncio.exceptions.CancelledError"),
    "a stale claim": (lambda: StaleClaim("it says"), "pgqueue.errors.StaleClaim"),
    "a retry in nan seconds": (lambda: Retry(countdown=float("nan")), "pgqueue.errors.Invalid"),
    "a retry in 1e300 seconds": (lambda: Retry(countdown=1e300), "pgqueue.errors.InvalidOption"),
    "a retry some day": (lambda: Retry(countdown="some day"), "pgqueue.errors.InvalidOption"),
}

#: How to make what is returned, and a part of the reason for which it is refused.
RESULTS = {
    "1 GB of lists": (lambda: [[["x" * 1000] * 100] * 100] * 100, "more than 4,194,304 bytes"),
    "1 GB of dicts": (lambda: {"a": [{"k": "x" * 1000}] * 10**6}, "more than 4,194,304 bytes"),
    "200 MB of text": (lambda: "x" * 200_000_000, "takes 200,000,002 or more bytes"),
    "200 MB of bytes": (lambda: bytes(200_000_000), "takes more than 200,000,000 bytes"),
    "a dict without end": (Endless, "more than 4,194,304 bytes"),
    "a list without end": (EndlessList, "more than 4,194,304 bytes"),
    "a circle": (circular, "a circular reference"),
    "10,000 levels": (lambda: reduce(lambda v, _: [v], range(10_000), 1), "than 100 levels"),
    "keys that are no text": (lambda: {1: 2}, "the key is of type int"),
    "nan": (lambda: [float("nan")], "result[0]: nan is not finite"),
    "inf": (lambda: {"a": float("-inf")}, "result['a']: -inf is not finite"),
    "10,000 digits": (lambda: 10**10_000, "more than 4,000 digits"),
    "NUL": (lambda: "a\0b", "contains NUL"),
    "a lone surrogate": (lambda: {"a\ud800": 1}, r"contains '\ud800'"),
    "a set": (lambda: {1}, "is of type set"),
    "no repr": (Unprintable, "is of type support.hostile.Unprintable"),
    "an enum that raises": (lambda: Colour.RED, "red"),
}  # fmt: skip


@app.task(name="add")
def add(a, b):
    return a + b


@app.task(name="later")
async def later(value):
    await asyncio.sleep(0.01)
    return value


@app.task(name="who")
def who():
    return os.getpid()


@app.task(name="raise_this", max_retries=0)
def raise_this(kind):
    error = ERRORS[kind][0]()
    raise error


@app.task(name="araise_this", max_retries=0)
async def araise_this(kind):
    error = ERRORS[kind][0]()
    raise error


@app.task(name="retry_this", max_retries=1, autoretry_for=[BaseException], default_retry_delay=0)
def retry_this(kind):
    error = ERRORS[kind][0]()
    raise error


@app.task(name="return_this", max_retries=0)
def return_this(kind):
    return RESULTS[kind][0]()


@app.task(name="any", max_retries=0)
def any_(*args, **kwargs):
    return len(args) + len(kwargs)


@app.task(name="say")
def say():
    """Say the forged text in every way there is, except with print()."""
    log = logging.getLogger(FORGED)
    log.error(FORGED)
    log.error("%s", Broken())
    log.error("%d and %s", FORGED)  # noqa: PLE1206 (the point)
    log.error(Broken())
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("with its traceback")
    try:
        raise Exits
    except Exits:
        log.exception("without a text")
    warnings.warn(FORGED, stacklevel=1)
    threading.Thread(target=raise_this, args=["a forged message"], name=FORGED).start()


@app.task(name="exit_beside")
async def exit_beside():
    async def beside():
        raise SystemExit(3)

    await asyncio.gather(asyncio.ensure_future(beside()), return_exceptions=True)


@app.task(name="stop_the_loop")
async def stop_the_loop():
    asyncio.get_running_loop().stop()


@app.task(name="cancel_everybody")
async def cancel_everybody():
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


for number, name in enumerate(NAMES):
    app.task(name=name, queue=name)(lambda number=number: number)
