"""Small canvases of every shape, and what the ledger has to know of each."""

from __future__ import annotations

import json
from random import Random
from uuid import UUID

from actors import MAX_ATTEMPTS, QUEUES, TASK
from ledger import Ledger

from pgqueue.rows import Edge, NewJob

#: Who comes before whom, and how: a chain, chords, and a join between two groups.
SHAPES: list[list[tuple[str, str, str, int | None]]] = [
    [("a", "b", "call", -1), ("b", "c", "call", None)],
    [("a", "c", "call", 0), ("b", "c", "call", 1)],
    [("a", "b", "call", -1), ("b", "d", "call", 0), ("c", "d", "call", 1), ("d", "e", "call", -1)],
    [("a", "j", "become", 0), ("b", "j", "become", 1), ("j", "c", "call", -1)],
]  # fmt: skip


def some(random: Random) -> tuple[list[NewJob], list[Edge]]:
    """Return the jobs and edges of a canvas; half of them have an errback for several jobs."""
    shape = random.choice(SHAPES)
    ids: dict[str, UUID] = {}
    for parent, child, _, _ in shape:
        for name in (parent, child):
            ids.setdefault(name, _id(random))
    edges = [Edge(ids[p], ids[c], kind, place) for p, c, kind, place in shape]
    if random.random() < 0.5:
        errback, attached = _id(random), random.sample([*ids], 2)
        edges += [Edge(ids[name], errback, "error", None, _template()) for name in attached]
    parents = {edge.parent_id for edge in edges}
    jobs = [
        NewJob(
            id_,
            TASK,
            "[]",
            "{}",
            random.choice(QUEUES),
            max_attempts=MAX_ATTEMPTS,
            countdown=random.choice([0.0, 0.0, 3.0]),
            open_parents=sum(e.child_id == id_ for e in edges) or None,
            linked=id_ in parents or None,
        )
        for id_ in ids.values()
    ]
    return jobs, edges


def replacement(random: Random, child: str) -> tuple[list[NewJob], list[Edge]]:
    """Return what a running job is replaced by: one job, or two."""
    ids = [_id(random) for _ in range(random.choice([1, 2]))]
    jobs = [NewJob(i, TASK, "[]", "{}", max_attempts=MAX_ATTEMPTS, linked=True) for i in ids]
    edges = [Edge(i, UUID(child), "become", place) for place, i in enumerate(ids)]
    return jobs, edges


def note(ledger: Ledger, edges: list[Edge]) -> None:
    """Have the ledger know who waits for whom, before anything is sent."""
    for table, wanted in ((ledger.errbacks, True), (ledger.parents, False)):
        ours = [edge for edge in edges if (edge.kind == "error") == wanted]
        for child in {str(edge.child_id) for edge in ours}:
            table[child] = [str(e.parent_id) for e in ours if str(e.child_id) == child]


def _id(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)


def _template() -> str:
    return json.dumps({"task": TASK, "max_retries": MAX_ATTEMPTS - 1})
