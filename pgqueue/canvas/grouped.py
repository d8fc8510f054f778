"""How a call of many jobs is typed: what is called as a group returns a `GroupResult`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from pgqueue.canvas.results import GroupResult
from pgqueue.canvas.signature import Signature
from pgqueue.options import Options


class CalledAsGroup(Signature[Any]):
    """A signature whose handle is a `GroupResult`, where others have an `AsyncResult`.

    Said for type checkers only: what a call returns follows from its layout.
    """

    if TYPE_CHECKING:

        def __call__(self, *args: Any, **kwargs: Any) -> GroupResult:
            """Enqueue it; the arguments go to its first tasks."""

        def __invert__(self) -> list[Any]:
            """Enqueue, and wait for the results."""

        def freeze(self, _id: object = None) -> GroupResult:  # type: ignore[override] # (said above)
            """Choose the ids now, and return the handle that the call will have."""

        def delay(self, *args: Any, **kwargs: Any) -> GroupResult:  # type: ignore[override] # (the same)
            """Enqueue, with these arguments besides."""

        async def adelay(self, *args: Any, **kwargs: Any) -> GroupResult:  # type: ignore[override] # (the same)
            """Enqueue, from a coroutine."""

        def apply_async(  # type: ignore[override] # (the same)
            self,
            args: Sequence[Any] = (),
            kwargs: Mapping[str, Any] | None = None,
            *,
            connection: Any = None,
            **options: Unpack[Options],
        ) -> GroupResult:
            """Enqueue with more arguments and options."""

        async def aapply_async(  # type: ignore[override] # (the same)
            self,
            args: Sequence[Any] = (),
            kwargs: Mapping[str, Any] | None = None,
            *,
            connection: Any = None,
            **options: Unpack[Options],
        ) -> GroupResult:
            """Enqueue with more arguments and options, from a coroutine."""

        def apply(  # type: ignore[override] # (the same)
            self,
            args: Sequence[Any] = (),
            kwargs: Mapping[str, Any] | None = None,
            *,
            throw: bool | None = None,
            **options: Unpack[Options],
        ) -> GroupResult:
            """Call it here and now."""

        async def aapply(  # type: ignore[override] # (the same)
            self,
            args: Sequence[Any] = (),
            kwargs: Mapping[str, Any] | None = None,
            *,
            throw: bool | None = None,
            **options: Unpack[Options],
        ) -> GroupResult:
            """Call it here and now, on the running event loop."""
