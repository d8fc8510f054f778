"""Results of many jobs, asked of the database all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, TimeoutError as FutureTimeout, as_completed
from typing import Any

from pgqueue import operations
from pgqueue.eager_result import EagerResult
from pgqueue.errors import ResultTimeout, UsageError
from pgqueue.joining import refuse_to_wait
from pgqueue.outcomes import value_of
from pgqueue.result import AsyncResult, ResultSource
from pgqueue.rows import Outcome


class ResultSet:
    """Results of jobs, in an order of their own. The async twins take the prefix `a`."""

    def __init__(
        self, results: Iterable[AsyncResult[Any] | ResultSet], app: ResultSource | None = None
    ) -> None:
        self.results = list(results)
        self._app = app

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self):,} results>"

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[AsyncResult[Any] | ResultSet]:
        return iter(self.results)

    def __getitem__(self, index: int) -> AsyncResult[Any] | ResultSet:
        return self.results[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResultSet) and other.results == self.results

    __hash__ = None  # type: ignore[assignment] # (it can change)

    @property
    def children(self) -> list[AsyncResult[Any] | ResultSet]:
        """The results that it is made of."""
        return self.results

    def as_tuple(self) -> tuple[Any, Any]:
        """Return `(None, members)`: plain data."""
        return None, [each.as_tuple() for each in self.results]

    def add(self, result: AsyncResult[Any] | ResultSet) -> None:
        """Add a result, unless it is there."""
        if result not in self.results:
            self.results.append(result)

    def remove(self, result: AsyncResult[Any] | ResultSet) -> None:
        """Take a result out; raises `KeyError` if it is not there."""
        if result not in self.results:
            raise KeyError(result)
        self.results.remove(result)

    def discard(self, result: AsyncResult[Any] | ResultSet) -> None:
        """Take a result out if it is there."""
        if result in self.results:
            self.results.remove(result)

    def update(self, results: Iterable[AsyncResult[Any] | ResultSet]) -> None:
        """Add results, those that are not there."""
        for each in results:
            self.add(each)

    def clear(self) -> None:
        """Take all results out."""
        self.results.clear()

    # ── now: one statement for all ───────────────────────────────────────────────────────────

    def ids(self) -> list[str]:
        """Return the ids of all jobs, those of groups within it, too."""
        return [each.id for each in self._jobs()]

    def _database(self) -> ResultSource:
        if self._app is not None:
            return self._app
        for each in self._jobs():
            return each._database
        raise UsageError(f"{self!r} belongs to no application: give one, as app=")

    def _known(self) -> dict[str, Outcome]:
        """Return how the jobs ended that were called in place: no database knows them."""
        rows = (each.job() for each in self._jobs() if isinstance(each, EagerResult))
        return {r.id: Outcome(r.id, r.state, r.result, r.error, r.traceback) for r in rows if r}

    def _jobs(self) -> Iterator[AsyncResult[Any]]:
        for each in self.results:
            if isinstance(each, ResultSet):
                yield from each._jobs()
            else:
                yield each

    def _outcomes(self) -> dict[str, Outcome]:
        known = self._known()
        ids = [each for each in self.ids() if each not in known]
        if ids:
            found = self._database().run(operations.outcomes(ids, "-infinity"))
            known.update((each.id, each) for each in found)
        return known

    async def _aoutcomes(self) -> dict[str, Outcome]:
        known = self._known()
        ids = [each for each in self.ids() if each not in known]
        if ids:
            found = await self._database().arun(operations.outcomes(ids, "-infinity"))
            known.update((each.id, each) for each in found)
        return known

    def ready(self) -> bool:
        """Return whether all have finished, one way or another."""
        return self._all(self._outcomes())

    async def aready(self) -> bool:
        """Return whether all have finished, from a coroutine."""
        return self._all(await self._aoutcomes())

    def waiting(self) -> bool:
        """Return whether some have not finished."""
        return not self.ready()

    async def awaiting(self) -> bool:
        """Return whether some have not finished, from a coroutine."""
        return not await self.aready()

    def successful(self) -> bool:
        """Return whether all have succeeded."""
        return self._all(self._outcomes(), "succeeded")

    async def asuccessful(self) -> bool:
        """Return whether all have succeeded, from a coroutine."""
        return self._all(await self._aoutcomes(), "succeeded")

    def failed(self) -> bool:
        """Return whether one has failed."""
        return any(each.state == "failed" for each in self._outcomes().values())

    async def afailed(self) -> bool:
        """Return whether one has failed, from a coroutine."""
        return any(each.state == "failed" for each in (await self._aoutcomes()).values())

    def completed_count(self) -> int:
        """Return how many have succeeded."""
        return sum(each.state == "succeeded" for each in self._outcomes().values())

    async def acompleted_count(self) -> int:
        """Return how many have succeeded, from a coroutine."""
        return sum(each.state == "succeeded" for each in (await self._aoutcomes()).values())

    def _all(self, outcomes: dict[str, Outcome], state: str | None = None) -> bool:
        found = (outcomes.get(each) for each in self.ids())
        return all(each and (state is None or each.state == state) for each in found)

    # ── when they are there ──────────────────────────────────────────────────────────────────

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float | None = None,
        callback: Callable[[str, Any], object] | None = None,
        no_ack: bool = True,
        on_message: Any = None,
        disable_sync_subtasks: bool = True,
        on_interval: Any = None,
    ) -> list[Any]:
        """Wait for all and return their results in order; a group's within it is a list.

        Raises what `AsyncResult.get` raises for the first that fails, as soon as it does; with
        `propagate=False` the error takes the place of the result. `timeout` is in seconds for all
        together, None waits for ever; then `ResultTimeout` is raised. `callback` is called with
        the id and the result of each, in order. `interval`, `no_ack`, `on_message` and
        `on_interval` are taken and not needed. In a task, raises `InvalidWait` unless
        `disable_sync_subtasks=False` or in `allow_join_result()`.
        """
        del interval, no_ack, on_message, on_interval
        ids = self._awaited(disable_sync_subtasks)
        futures = self._database().outcomes(ids) if ids else []
        try:
            for future in as_completed(futures, timeout):
                if propagate and future.result().state != "succeeded":
                    value_of(future.result())
        except FutureTimeout:
            raise _late(futures, timeout) from None
        finally:
            for future in futures:
                future.cancel()
        return self._values({o.id: o for o in (f.result() for f in futures)}, propagate, callback)

    async def aget(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 (Celery's parameter)
        propagate: bool = True,
        callback: Callable[[str, Any], object] | None = None,
        disable_sync_subtasks: bool = True,
    ) -> list[Any]:
        """Wait like `get`, from a coroutine."""
        ids = self._awaited(disable_sync_subtasks)
        futures = self._database().outcomes(ids) if ids else []
        try:
            async with asyncio.timeout(timeout):
                for future in asyncio.as_completed([asyncio.wrap_future(f) for f in futures]):
                    outcome = await future
                    if propagate and outcome.state != "succeeded":
                        value_of(outcome)
        except TimeoutError:
            raise _late(futures, timeout) from None
        finally:
            for each in futures:
                each.cancel()
        return self._values({o.id: o for o in (f.result() for f in futures)}, propagate, callback)

    #: Celery's names for `get`.
    join = join_native = get
    ajoin = aget

    def _awaited(self, disable_sync_subtasks: bool) -> list[str]:
        known = self._known()
        ids = [each for each in dict.fromkeys(self.ids()) if each not in known]
        if ids and disable_sync_subtasks:
            refuse_to_wait(ids[0])
        return ids

    def _values(
        self,
        outcomes: dict[str, Outcome],
        propagate: bool,
        callback: Callable[[str, Any], object] | None,
    ) -> list[Any]:
        values: list[Any] = []
        for each in self.results:
            if isinstance(each, ResultSet):
                values.append(each._values(outcomes, propagate, callback))
                continue
            if each.id in outcomes:
                values.append(value_of(outcomes[each.id], propagate=propagate))
            else:
                values.append(each.get(propagate=propagate))
            if callback:
                callback(each.id, values[-1])
        return values

    # ── acts ─────────────────────────────────────────────────────────────────────────────────

    def revoke(self) -> None:
        """Cancel those that have not finished, in one statement; see `AsyncResult.revoke`."""
        if ids := self.ids():
            self._database().run(operations.cancel(ids))

    async def arevoke(self) -> None:
        """Cancel those that have not finished, from a coroutine."""
        if ids := self.ids():
            await self._database().arun(operations.cancel(ids))

    def forget(self) -> None:
        """Remove the rows of those that have finished, results included."""
        for each in self.ids():
            self._database().run(operations.forget(each))

    async def aforget(self) -> None:
        """Remove the rows of those that have finished, from a coroutine."""
        for each in self.ids():
            await self._database().arun(operations.forget(each))


def _late(futures: Sequence[Future[Outcome]], timeout: float | None) -> ResultTimeout:
    done = sum(each.done() and not each.cancelled() for each in futures)
    return ResultTimeout(
        f"{len(futures) - done} of {len(futures)} jobs had not finished after {timeout:g} s"
    )
