"""An object that stands for another one, which is found anew at every use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class Proxy:
    """Stands for what `find` returns.

    >>> numbers = [1]
    >>> last = Proxy(lambda: numbers[-1])
    >>> numbers.append(2)
    >>> last == 2, isinstance(last, int), last.bit_length()
    (True, True, 2)
    """

    __slots__ = ("__dict__", "_proxy_find")

    def __init__(self, find: Callable[[], Any], **own: Any) -> None:
        object.__setattr__(self, "_proxy_find", find)
        for name, value in own.items():
            object.__setattr__(self, name, value)

    @property  # type: ignore[misc] # (isinstance() asks it)
    def __class__(self) -> type:
        return type(self._proxy_find())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._proxy_find(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._proxy_find(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._proxy_find(), name)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self._proxy_find()(*args, **kwargs)

    def __repr__(self) -> str:
        return repr(self._proxy_find())

    def __dir__(self) -> Iterable[str]:
        return dir(self._proxy_find())

    def __bool__(self) -> bool:
        return bool(self._proxy_find())

    def __eq__(self, other: object) -> bool:
        return bool(self._proxy_find() == other)

    def __hash__(self) -> int:
        return hash(self._proxy_find())
