"""A shop: the order and its jobs are one transaction, and so are a job's rows and its end.

In one terminal `pgq worker -A shop`, in another `python shop.py`, both in this folder and with
PGQUEUE_DSN set. It prints::

    order 1: receipt for order 1 over 49.00
    order 1: reserved, once
    the order that was rolled back has no job
"""

from __future__ import annotations

from decimal import Decimal

from pgqueue import PgQueue

app = PgQueue("shop")

TABLES = """
drop table if exists reservations, orders;
create table orders (
    id bigint generated always as identity primary key, item text not null, price numeric not null
);
create table reservations (order_id bigint not null references orders)
"""


@app.task(queue="mail", max_retries=5, autoretry_for=[ConnectionError], retry_backoff=True)
def send_receipt(order_id: int, price: Decimal) -> str:
    """Return what a mail would say; sending one is not undone by a rollback."""
    return f"receipt for order {order_id} over {price}"


@app.task(bind=True)
def reserve(self, order_id: int) -> None:
    """Write a reservation and end the job in one commit: the row is written exactly once."""
    with self.transaction() as conn:
        conn.execute("insert into reservations (order_id) values (%s)", [order_id])


def place_order(item: str, price: Decimal):
    """Insert an order and enqueue its two jobs: all of it is committed, or nothing."""
    with app.transaction() as conn:
        insert = "insert into orders (item, price) values (%s, %s) returning id"
        (order_id,) = conn.execute(insert, [item, price]).fetchone()
        receipt = send_receipt.using(conn).delay(order_id, price)
        reservation = reserve.using(conn, priority=9).delay(order_id)
        if item == "unicorn":
            raise LookupError("out of stock")
    return order_id, receipt, reservation


def main() -> None:
    with app.transaction() as conn:
        conn.execute(TABLES)

    order_id, receipt, reservation = place_order("lamp", Decimal("49.00"))
    print(f"order {order_id}: {receipt.get(timeout=30)}")
    reservation.get(timeout=30)

    try:
        place_order("unicorn", Decimal("1000000.00"))
    except LookupError:
        pass  # and the transaction has been rolled back

    with app.transaction() as conn:
        (reserved,) = conn.execute("select count(*) from reservations").fetchone()
        jobs = "select count(*) from pgqueue.jobs where task like 'shop.%'"
        (enqueued,) = conn.execute(jobs).fetchone()
    print(f"order {order_id}: reserved, {'once' if reserved == 1 else f'{reserved} times'}")
    if enqueued == 2:
        print("the order that was rolled back has no job")


if __name__ == "__main__":
    main()
    app.close()
