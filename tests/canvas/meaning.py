"""What a canvas comes to, said in the plainest way; and random ones to ask it of."""

from __future__ import annotations

from hypothesis import strategies as st

from pgqueue import chain, chord, group
from pgqueue.canvas.nodes import vanishes
from support.canvas import say


def meaning(signature):
    """What `get()` returns."""
    return _meaning(signature, ())[0]


def _meaning(signature, given):
    """The result, and what comes next is given; of a group, one list, without inner groups."""
    if signature.immutable:
        given = ()
    if signature.subtask_type is None:
        said = [*given, *signature.args]
        return said, said
    if signature.subtask_type == "group":
        return _of_group(signature, given)
    chord_steps = [signature["kwargs"].get("header"), signature["kwargs"].get("body")]
    steps = chord_steps if is_chord(signature) else signature.tasks
    result, left = [], None
    for each in steps:
        if not vanishes(each):
            result, left = _meaning(each, given)
            given = (left,)
    return result, left


def is_chord(signature):
    return signature.subtask_type == "chord"


def _of_group(signature, given):
    results, flat = [], []
    for each in signature.tasks:
        if vanishes(each):
            continue
        result, left = _meaning(each, given)
        if each.subtask_type == "group":
            results += result
        else:
            results.append(result)
        if ends_in_group(each):
            flat += left
        else:
            flat.append(left)
    return results, flat


def ends_in_group(signature):
    if signature.subtask_type == "chain":
        return ends_in_group([each for each in signature.tasks if not vanishes(each)][-1])
    if signature.subtask_type == "chord":
        return vanishes(signature.body) or ends_in_group(signature.body)
    return signature.subtask_type == "group"


def _task(label, immutable):
    return say.si(label) if immutable else say.s(label)


_tasks = st.builds(_task, st.integers(0, 99), st.booleans())


def _many(inner):
    few = st.lists(inner, max_size=3)
    return st.one_of(
        few.map(lambda each: chain(*each)),
        few.map(lambda each: group(*each)),
        st.builds(chord, few, inner),
        st.builds(lambda a, b: a | b, inner, inner),
    )


canvases = st.recursive(_tasks, _many, max_leaves=10)
