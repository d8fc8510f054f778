"""First steps: an application in one module."""

from __future__ import annotations

from pgqueue import PgQueue

app = PgQueue("kitchen")


@app.task
def weigh(flour, sugar):
    return flour + sugar
