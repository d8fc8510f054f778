"""The knowledge is one table, whole and without contradictions."""

from __future__ import annotations

import inspect
from collections import Counter

import pytest

import pgqueue
import pgqueue.signals
import pgqueue.states
from pgqueue.declaring import TaskOptions
from pgqueue.migrating.knowledge import KINDS, NONE, ROWS, SAME, find, in_code
from pgqueue.migrating.knowledge.commands import FLAGS, SHORT, SPELLINGS
from pgqueue.migrating.knowledge.settings import current_names
from pgqueue.options import Options
from pgqueue.request import Request
from pgqueue.settings import SETTINGS

#: What most applications use; more of it than this is in the table.
CORE = {
    "name": "Celery shared_task Task current_app AsyncResult GroupResult",
    "app": "task conf config_from_object autodiscover_tasks send_task control add_periodic_task",
    "task option": "name bind base max_retries default_retry_delay autoretry_for retry_backoff "
    "retry_backoff_max retry_jitter retry_kwargs time_limit soft_time_limit rate_limit "
    "ignore_result acks_late track_started expires priority queue serializer throws typing",
    "handler": "on_success on_failure on_retry after_return before_start __call__ run",
    "task": "delay apply_async apply s si signature retry request replace update_state chunks map",
    "request": "id args kwargs retries delivery_info hostname root_id parent_id headers is_eager",
    "call option": "args kwargs countdown eta expires queue priority link link_error headers "
    "task_id ignore_result time_limit soft_time_limit retry exc throw max_retries routing_key",
    "result": "id state status result info get ready successful failed traceback revoke forget",
    "group result": "join get ready successful completed_count children save restore",
    "canvas": "group chain chord signature",
    "exception": "Retry Reject Ignore MaxRetriesExceededError SoftTimeLimitExceeded ChordError",
    "signal": "setup_logging worker_process_init worker_process_shutdown worker_init worker_ready "
    "worker_shutdown before_task_publish after_task_publish task_prerun task_postrun task_success "
    "task_failure task_retry task_revoked task_unknown beat_init",
    "control": "revoke inspect purge ping rate_limit time_limit add_consumer cancel_consumer "
    "pool_grow pool_shrink shutdown broadcast",
    "inspect": "active reserved scheduled registered stats ping active_queues revoked query_task",
    "schedule": "crontab schedule solar add_periodic_task",
    "setting": "broker_url result_backend task_serializer result_serializer accept_content "
    "timezone enable_utc task_always_eager task_eager_propagates beat_schedule task_routes "
    "task_default_queue task_time_limit task_soft_time_limit result_expires worker_concurrency "
    "broker_transport_options worker_prefetch_multiplier task_acks_late imports include",
    "command": "worker beat status inspect control purge call result report shell flower multi",
}  # fmt: skip


@pytest.mark.parametrize("kind", CORE)
def test_what_most_applications_use_is_known(kind):
    assert [name for name in CORE[kind].split() if not find(kind, name)] == []


def test_a_name_stands_once():
    twice = [key for key, n in Counter((row.kind, row.name) for row in ROWS).items() if n > 1]
    assert twice == []


def test_every_kind_has_a_title_and_rows():
    assert {row.kind for row in ROWS} == set(KINDS)


def test_a_row_says_what_to_do():
    for row in ROWS:
        if row.verdict == "same":
            assert row.ours, row
        else:
            assert row.note, row


def test_notes_are_short_and_in_one_style():
    for row in ROWS:
        assert len(row.note) <= 160, row
        assert not row.note.endswith("."), row


@pytest.mark.parametrize("name", [*SHORT.values(), *SPELLINGS.values(), *FLAGS])
def test_every_option_that_is_understood_is_known(name):
    assert find("worker option", name) or find("command option", name)


def test_a_setting_in_upper_case_means_the_one_of_today():
    for row in ROWS:
        if row.kind == "setting" and not row.name.endswith("*"):
            assert current_names(f"CELERY_{row.name.upper()}")[0] == row.name


def test_names_look_as_they_do_in_code():
    assert in_code("call option", "countdown") == "apply_async(countdown=)"
    assert in_code("canvas", "a | b") == "a | b"


def test_without_a_counterpart_is_what_few_use():
    """What issue trackers call a blocker must stay little, and none of it what most use."""
    core = {(kind, name) for kind, names in CORE.items() for name in names.split()}
    assert not {(row.kind, row.name) for row in ROWS if row.verdict == NONE} & core


# ── what is said to be the same is there ──────────────────────────────────────────────────────

#: Kinds whose names are attributes of these things.
APP = pgqueue.PgQueue("knowledge", dsn="postgresql:///nowhere", set_as_current=False)


@APP.task
def example(number: int) -> int:
    return number


THINGS = {
    "name": [pgqueue, pgqueue.states],
    "canvas": [pgqueue],
    "exception": [pgqueue],
    "signal": [pgqueue.signals],
    "app": [APP],
    "task": [example],
    "handler": [example],
    "request": [Request()],
    "result": [APP.AsyncResult("0198c0de-0000-7000-8000-000000000001")],
    "group result": [pgqueue.group(example.s(1)).freeze()],
    "signature": [
        example.s(1),
        pgqueue.group(example.s(1)),
        pgqueue.chord([example.s(1)], example.s()),
        example.chunks([(1,)], 1),
    ],
}
#: Said to be the same, and found in another way than by an attribute of that name.
ELSEWHERE = {("canvas", "a | b")}
#: Of schedules and remote control, which are parts of their own.
OTHER_PARTS = {"add_periodic_task", "periodic_task", "control"}


def has(thing, name):
    """Tell without asking: some properties ask the database."""
    try:
        inspect.getattr_static(thing, name)
    except AttributeError:
        return False
    return True


@pytest.mark.parametrize("kind", THINGS)
def test_what_is_said_to_be_the_same_is_there(kind):
    said = {row.name for row in ROWS if row.kind == kind and row.verdict == SAME}
    found = {name for name in said if any(has(thing, name) for thing in THINGS[kind])}
    assert {name for name in said - found if (kind, name) not in ELSEWHERE} <= OTHER_PARTS


def test_options_that_are_said_to_be_the_same_are_there():
    said = {row.ours for row in ROWS if row.kind == "task option" and row.verdict == SAME}
    assert said - {"bind", "base", "(always so)"} <= set(TaskOptions.__annotations__)
    said = {row.ours for row in ROWS if row.kind == "call option" and row.verdict == SAME}
    of_retry = set(inspect.signature(example.retry).parameters)
    others = {"(always so)", "(of a schedule)"}
    assert said - others - of_retry <= set(Options.__annotations__)


def test_every_setting_of_celery_is_known():
    for name, setting in SETTINGS.items():
        assert setting.ours or find("setting", name)
