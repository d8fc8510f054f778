"""What somebody may have meant who wrote a name that is none. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from inspect import signature
from typing import Any, Self

from pgqueue.errors import ConfigurationError

#: How much alike two names are, of 1, of which one may stand for the other.
ALIKE = 0.6


def nearest(name: str, known: Iterable[str], alike: float = ALIKE) -> str | None:
    """Return the known name that looks most like another one, if any is so much alike.

    >>> nearest("minutes", ["minute", "hour"]), nearest("x", ["minute", "hour"])
    ('minute', None)
    """
    return next(iter(get_close_matches(name, list(known), n=1, cutoff=alike)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that says what may have been meant; empty if nobody knows.

    >>> did_you_mean("shop.tidi", ["shop.tidy", "shop.count"])
    '; did you mean shop.tidy?'
    """
    near = nearest(name, known)
    return f"; did you mean {near}?" if near else ""


class Spelt:
    """A class that says what was meant when it is called with an argument that it does not have."""

    __slots__ = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Make the instance; raises `ConfigurationError` for an argument that is none."""
        del args
        known = list(signature(cls.__init__).parameters)[1:] if kwargs else []
        for name in kwargs:
            if name not in known:
                near = nearest(name, known)
                hint = f"did you mean {near}=?" if near else f"there are: {', '.join(known)}"
                raise ConfigurationError(f"{cls.__name__}() has no argument {name}=; {hint}")
        return object.__new__(cls)
