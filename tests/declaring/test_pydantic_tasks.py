"""`pydantic=True`: arguments are models by their annotations, and results are dumped."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

from pgqueue import ConfigurationError, InvalidPayload, PgQueue

pydantic = pytest.importorskip("pydantic")


class Order(pydantic.BaseModel):
    number: int
    note: str | None = None

    @pydantic.field_validator("note")
    @classmethod
    def about(cls, note, info):
        return note and info.context and f"{note} ({info.context['pgqueue_task_name']})"


class Other(pydantic.BaseModel):
    x: int = 1


def pack(order: Order, copies: int = 1, other: Order | None = None) -> Order:
    number = order.number + copies + (other.number if other else 0)
    return Order.model_construct(number=number, note=order.note)


async def apack(order: Order) -> Order | None:
    return order


@pytest.fixture
def task(app):
    return app.task(name="pack", pydantic=True)(pack)


def stored(job):
    return json.loads(job.args), json.loads(job.kwargs)


def test_the_worker_makes_models_of_arguments_and_plain_values_of_the_result(app, task):
    assert task({"number": 1, "note": "a"}) == {"number": 2, "note": "a (pack)"}
    assert task({"number": 1}, 2) == {"number": 3, "note": None}
    assert task(order={"number": 1}, other={"number": 5}) == {"number": 7, "note": None}
    assert task({"number": 1}, other=None) == {"number": 2, "note": None}
    assert asyncio.run(app.task(pydantic=True)(apack)({"number": 1})) == {
        "number": 1,
        "note": None,
    }


def test_callers_may_give_models_or_plain_values(task):
    order = Order.model_construct(number=1, note=None)
    plain = {"number": 1, "note": None}
    assert stored(task.job([order], {}, {})) == ([plain], {})
    assert stored(task.job([order, 2], {"other": order}, {})) == ([plain, 2, plain], {})
    assert stored(task.job([plain], {}, {})) == ([plain], {})


def test_a_model_where_none_is_expected_is_refused(task):
    with pytest.raises(InvalidPayload, match=r"^args\[1\]"):
        task.job([{"number": 1}, Other()], {}, {})


def test_what_does_not_fit_the_model_fails_the_run(task):
    with pytest.raises(pydantic.ValidationError):
        task({"number": "many"})


def test_strict_context_and_how_it_is_dumped(app):
    options = {
        "pydantic_strict": True,
        "pydantic_context": {"shop": 1},
        "pydantic_dump_kwargs": {"exclude_none": True},
    }
    task = app.task(name="pack", pydantic=True, **options)(pack)
    assert task({"number": 1}) == {"number": 2}
    with pytest.raises(pydantic.ValidationError):
        task({"number": "1"})
    order = Order.model_construct(number=1, note=None)
    assert stored(task.job([order], {}, {})) == ([{"number": 1}], {})


def test_a_bound_task_and_one_of_a_class(app):
    @app.task(bind=True, pydantic=True, name="bound")
    def bound(self, order: Order) -> str:
        return f"{self.name} {order.number}"

    assert bound({"number": 3}) == "bound 3"
    assert stored(bound.job([Order.model_construct(number=1, note=None)], {}, {}))[0] == [
        {"number": 1, "note": None}
    ]


def test_nobody_else_imports_it():
    code = (
        "import sys; from pgqueue import PgQueue; app = PgQueue(); t = app.task(lambda x: x); "
        "t(1); t.job([1], {}, {}); print('pydantic' in sys.modules, 'tomllib' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False False\n"


def test_without_it_the_option_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydantic", None)
    with pytest.raises(ConfigurationError, match="pack: pydantic=True needs pydantic: pip install"):
        PgQueue().task(pydantic=True)(pack)
