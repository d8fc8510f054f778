"""Tasks as coroutines: many that wait share one thread, and enqueue and await each other's results.

In one terminal `pgq worker -A async_tasks -c 50`, in another `python async_tasks.py`, both in this
folder and with PGQUEUE_DSN set. It prints::

    20 pages, 210 links
    stored: 210
"""

from __future__ import annotations

import asyncio

from pgqueue import PgQueue

app = PgQueue("async_tasks")


@app.task
async def count_links(page: int) -> int:
    """Ask the database, as a stand-in for any service that one has to wait for."""
    async with app.atransaction() as conn:
        cursor = await conn.execute("select count(*) from generate_series(1, %s)", [page])
        (links,) = await cursor.fetchone()
    return links


@app.task(bind=True)
async def store(self, links: int) -> None:
    """Write a row and end the job in one commit."""
    async with self.atransaction() as conn:
        await conn.execute("insert into async_totals (links) values (%s)", [links])
        self.set_result(f"stored: {links}")


async def main() -> None:
    async with app.atransaction() as conn:
        await conn.execute("create table if not exists async_totals (links bigint not null)")
        # Twenty jobs in one transaction: workers see all of them, or none.
        results = [await count_links.using(conn).adelay(page) for page in range(1, 21)]

    links = sum(await asyncio.gather(*(result.aget(timeout=30) for result in results)))
    print(f"{len(results)} pages, {links} links")

    stored = await store.adelay(links)
    print(await stored.aget(timeout=30))

    await app.aclose()


if __name__ == "__main__":
    asyncio.run(main())
    app.close()
