"""The errors are those that are drawn, can be caught as what they are, and can travel."""

from __future__ import annotations

import builtins
import copy
import pickle
import re

import pytest

import pgqueue
from pgqueue import errors

CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and kind.__module__ == errors.__name__
}


def drawn():
    """The tree in the docstring: {name: (name of its parent, what else it is)}."""
    found, above = {}, []
    for line in errors.__doc__.splitlines():
        match = re.match(r"    ([│├└─ ]*)(\w+)(?: {2,}.*?(?:\(also a (\w+)\))?)?$", line)
        if match:
            depth = len(match[1]) // 4
            above[depth:] = [match[2]]
            found[match[2]] = (above[depth - 1] if depth else "Exception", match[3])
    return found


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    real = {}
    for name, kind in CLASSES.items():
        parent, *others = (base.__name__ for base in kind.__bases__)
        real[name] = (parent, *others) if others else (parent, None)
    assert drawn() == real


@pytest.mark.parametrize("name", CLASSES)
def test_every_error_is_exported_by_the_package(name):
    assert getattr(pgqueue, name) is CLASSES[name]
    assert name in pgqueue.__all__


def test_the_package_exports_what_it_says_sorted():
    assert pgqueue.__all__ == sorted(set(pgqueue.__all__))
    assert all(hasattr(pgqueue, name) for name in pgqueue.__all__)


BOTH = [name for name in vars(builtins) if name in errors._RAISED_AS]


@pytest.mark.parametrize("name", sorted(errors._RAISED_AS))
def test_a_failure_is_also_what_the_task_raised_if_that_is_of_python_itself(name):
    kind = errors._RAISED_AS[name]
    error = errors.task_failed(name, "k", "Traceback …")
    assert isinstance(error, kind)
    assert isinstance(error, errors.TaskFailed)
    assert (error.type, error.message, error.traceback) == (name, "k", "Traceback …")
    arrived = pickle.loads(pickle.dumps(error))
    assert (type(arrived), vars(arrived)) == (type(error), vars(error))
    with pytest.raises(kind):
        raise error


def test_its_text_is_the_same_whatever_it_is():
    assert {str(errors.task_failed(name, "k")) for name in BOTH} == {f"{n}: k" for n in BOTH}
    assert repr(errors.task_failed("KeyError", "'k'")) == """TaskFailed("KeyError: 'k'")"""


@pytest.mark.parametrize(
    "name",
    [
        *("", "shop.errors.KeyError", "print", "eval", "os.system", "__import__", "Exception"),
        *(
            "StopIteration",
            "StopAsyncIteration",
            "KeyboardInterrupt",
            "SystemExit",
            "GeneratorExit",
        ),
        *(
            "ExceptionGroup",
            "UnicodeDecodeError",
            "pgqueue.errors.Retry",
            "pgqueue.errors.StaleClaim",
        ),
    ],
)
def test_no_other_name_is_looked_up(name):
    """Neither what somebody wrote into the table, nor what Python takes for something else."""
    assert type(errors.task_failed(name, "k")) is errors.TaskFailed


ERRORS = [
    *(kind("a message") for kind in CLASSES.values() if kind is not errors.TaskFailed),
    errors.TaskFailed("ValueError", "no", "Traceback …"),
    errors.TaskFailed("KeyError", ""),
    errors.Retry(exc=OSError("down"), countdown=5),
]


@pytest.mark.parametrize("travel", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_survives_the_way_to_another_process(error, travel):
    """One that cannot be unpickled breaks the process pool that it came through."""
    arrived = travel(error)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert repr(vars(arrived)) == repr(vars(error))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errors.TaskFailed("ValueError", "no"), "ValueError: no"),
        (errors.TaskFailed("KeyError", ""), "KeyError"),
        (errors.Retry(), "retry"),
        (errors.Retry(exc=OSError("down")), "retry: OSError('down')"),
        (errors.Retry("not yet", exc=OSError("down")), "not yet"),
    ],
)
def test_an_error_reads_as_a_sentence(error, text):
    assert str(error) == text
