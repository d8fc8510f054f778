"""Canvases for the tests: jobs and edges by name, enqueued by one statement."""

from __future__ import annotations

import json
from itertools import pairwise
from uuid import UUID

from pgqueue import operations
from pgqueue.identifiers import uuid7
from pgqueue.rows import Edge, NewJob

EDGES = (
    "select parent_id::text, child_id::text, kind, place, done from pgqueue.edges order by 1, 2, 3"
)


class Canvas:
    """Jobs by name, and what their ends mean to each other, until it is sent."""

    def __init__(self) -> None:
        self.ids: dict[str, UUID] = {}
        self.options: dict[str, dict] = {}
        self.edges: list[Edge] = []

    def __getitem__(self, name: str) -> str:
        return str(self.id(name))

    def id(self, name: str) -> UUID:
        return self.ids.setdefault(name, uuid7())

    def job(self, name: str, args: object = (), **options) -> Canvas:
        self.id(name)
        self.options[name] = {"args": json.dumps(list(args)), **options}
        return self

    def call(self, parent: str, child: str, place: int | None = None, kind: str = "call") -> Canvas:
        for name in (parent, child):
            if name not in self.options:
                self.job(name)
        self.edges.append(Edge(self.id(parent), self.id(child), kind, place))
        return self

    def become(self, parent: str, child: str, place: int | None = -1) -> Canvas:
        return self.call(parent, child, place, "become")

    def error(self, parent: str, errback: str, **template) -> Canvas:
        if parent not in self.options:
            self.job(parent)
        text = json.dumps({"task": "add", **template})
        self.edges.append(Edge(self.id(parent), self.id(errback), "error", None, text))
        return self

    def chain(self, *names: str) -> Canvas:
        for parent, child in pairwise(names):
            self.call(parent, child, -1)
        return self

    def chord(self, header: list[str], body: str) -> Canvas:
        for place, name in enumerate(header):
            self.call(name, body, place)
        return self

    def jobs(self) -> list[NewJob]:
        parents = {edge.parent_id for edge in self.edges}
        return [
            NewJob(
                self.ids[name],
                options.pop("task", "add"),
                options.pop("args"),
                options.pop("kwargs", "{}"),
                open_parents=sum(e.child_id == self.ids[name] for e in self.edges) or None,
                linked=self.ids[name] in parents or None,
                **options,
            )
            for name, options in ((n, dict(o)) for n, o in self.options.items())
        ]

    def send(self, jobs) -> Canvas:
        jobs.run(operations.enqueue_canvas(self.jobs(), self.edges))
        return self


def edges(jobs) -> list[tuple]:
    return jobs.connection.execute(EDGES).fetchall()
