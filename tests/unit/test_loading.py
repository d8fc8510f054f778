"""`-A` names an application, in the forms that people type; what cannot be found is explained."""

from __future__ import annotations

import sys

import pytest

from pgqueue.errors import ConfigurationError
from pgqueue.loading import load_app

APP = "from pgqueue import PgQueue\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current directory, with modules that are forgotten after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def module(folder):
    """Writes `shop/tasks.py`."""
    (folder / "shop").mkdir()

    def write(text):
        (folder / "shop" / "tasks.py").write_text(APP + text)

    return write


def refusal(spec):
    with pytest.raises(ConfigurationError) as caught:
        load_app(spec)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("app = PgQueue('it')", "shop.tasks"),
        ("app = PgQueue('it')", "shop.tasks:app"),
        ("app = PgQueue('it'); other = PgQueue()", "shop.tasks"),
        ("jobs = PgQueue('it')", "shop.tasks"),
        ("jobs = queue = PgQueue('it'); app = None", "shop.tasks"),
        ("app = PgQueue(); other = PgQueue('it')", "shop.tasks:other"),
    ],
)
def test_an_application_is_found_in_the_current_directory(module, text, spec):
    module(text)
    assert load_app(spec).name == "it"


def test_the_current_directory_comes_first(folder):
    (folder / "colorsys.py").write_text(APP + "app = PgQueue('mine')")  # also in Python's library
    assert load_app("colorsys").name == "mine"


@pytest.mark.parametrize(
    ("text", "spec", "message"),
    [
        ("", "shop.tasks", "no PgQueue named 'app'; name it: -A shop.tasks:attribute"),
        ("app = 7", "shop.tasks", "no PgQueue named 'app'; name it: -A shop.tasks:attribute"),
        (
            "a = PgQueue(); b = PgQueue()",
            "shop.tasks",
            "no PgQueue named 'app' (there are: a, b); ",
        ),
        ("a = PgQueue()", "shop.tasks:app", "shop.tasks has no PgQueue named 'app' (there are: a)"),
        ("", "shop.tasks:app", "shop.tasks has no PgQueue named 'app'"),
        ("app = PgQueue", "shop.tasks:app", "shop.tasks has no PgQueue named 'app'"),
    ],
)
def test_a_module_without_the_application_is_named_with_those_that_it_has(
    module, text, spec, message
):
    module(text)
    assert refusal(spec).startswith(f"-A {spec}: ")
    assert message in refusal(spec)


@pytest.mark.parametrize(
    ("spec", "missing"), [("shpo", "shpo"), ("shpo.tasks:app", "shpo"), ("shop.taks", "shop.taks")]
)
def test_a_module_that_is_missing_is_named_with_where_it_was_looked_for(
    module, folder, spec, missing
):
    module("")
    assert refusal(spec) == (
        f"-A {spec}: there is no module {missing!r} in {folder} or on the path; start pgq in the "
        "folder that contains it"
    )


@pytest.mark.parametrize(
    "spec", ["", ":app", ".tasks", "shop/tasks.py", "shop.tasks.py", "a b", "a."]
)
def test_what_is_no_modules_name_is_refused_with_an_example(module, spec):
    module("")
    name = spec.partition(":")[0]
    assert refusal(spec) == (
        f"-A {spec}: {name!r} is not the name of a module; give one such as shop.tasks, or "
        "shop.tasks:app"
    )


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("import no_such_library", ModuleNotFoundError, "No module named 'no_such_library'"),
        ("from shop import nothing", ImportError, "cannot import name 'nothing' from 'shop'"),
        ("import shop.tasks.deeper", ModuleNotFoundError, "No module named 'shop.tasks.deeper'"),
        ("1 / 0", ZeroDivisionError, "division by zero"),
    ],
)
def test_an_error_inside_the_module_is_passed_on_and_not_taken_for_a_missing_one(
    module, text, error, message
):
    module(text)
    with pytest.raises(error, match=message) as caught:
        load_app("shop.tasks")
    assert caught.traceback[-1].path.name == "tasks.py" or "frozen" in str(
        caught.traceback[-1].path
    )
