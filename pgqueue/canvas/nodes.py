"""Signatures as plain dicts: the nodes of the tree that a canvas is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CHAIN, GROUP, CHORD = "chain", "group", "chord"
MAP, STARMAP, CHUNKS = "xmap", "xstarmap", "chunks"
#: What a job notes that calls its task once for each item.
EACH = {MAP: "item", STARMAP: "items"}

Node = Mapping[str, Any]


def vanishes(node: Node) -> bool:
    """Return whether nothing is left of a piece: a chain of nothing."""
    return node.get("subtask_type") == CHAIN and all(map(vanishes, node["kwargs"]["tasks"]))


def heads(node: Node) -> int:
    """Return how many jobs a piece begins with."""
    kind = node.get("subtask_type")
    if kind == CHAIN:
        return next((heads(each) for each in node["kwargs"]["tasks"] if not vanishes(each)), 0)
    if kind == GROUP:
        return sum(map(heads, node["kwargs"]["tasks"]))
    if kind == CHORD:
        return heads(as_group(node["kwargs"]["header"])) or heads(node["kwargs"]["body"])
    return heads(chunked(node)) if kind == CHUNKS else 1


def as_group(header: Any) -> Node:
    """Return a chord's header, which may be a list, as a group."""
    if isinstance(header, Mapping):
        return header
    return {
        "task": "pgqueue.group",
        "args": (),
        "kwargs": {"tasks": header},
        "options": {},
        "subtask_type": GROUP,
        "immutable": False,
    }


def chunked(node: Node) -> Node:
    """Return chunks as the group of starmaps that they are."""
    inner, items, size = (node["kwargs"][name] for name in ("task", "it", "n"))
    items = list(items)
    parts = [items[start : start + size] for start in range(0, len(items), size)]
    return as_group(
        [
            {
                "task": "pgqueue.starmap",
                "args": (),
                "kwargs": {"task": inner, "it": part},
                "options": {},
                "subtask_type": STARMAP,
                "immutable": True,
            }
            for part in parts
        ]
    )


def repeating(inner: Node, args: tuple[Any, ...]) -> Node:
    return {**inner, "args": args, "immutable": True, "subtask_type": None}


def listed(given: Any) -> list[Node]:
    return [given] if isinstance(given, Mapping) else list(given)
