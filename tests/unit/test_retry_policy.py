"""What follows a failed attempt, decided from a policy, a count and an error."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from pgqueue.errors import ConfigurationError
from pgqueue.retry import RetryPolicy, automatic_delay, may_retry, most_retries, retries_itself


class RefusedError(OSError):
    pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_retries": -1}, "max_retries=-1: give 0 to 32766, or None for ever"),
        ({"max_retries": 40_000}, "max_retries=40000: give 0 to 32766"),
        ({"max_retries": "3"}, "max_retries='3': give 0 to 32766"),
        ({"max_retries": 1.5}, "max_retries=1.5: give 0 to 32766"),
        (
            {"default_retry_delay": -1},
            "default_retry_delay=-1: give a number of seconds, 0 or more",
        ),
        ({"default_retry_delay": float("inf")}, "default_retry_delay=inf: give a number of"),
        ({"default_retry_delay": "1 min"}, "default_retry_delay='1 min': give a number of"),
        ({"retry_backoff": -2}, "retry_backoff=-2: give a number of seconds"),
        ({"retry_backoff_max": float("nan")}, "retry_backoff_max=nan: give a number of seconds"),
        ({"autoretry_for": OSError}, "autoretry_for=<class 'OSError'>: give a tuple of exception"),
        ({"autoretry_for": ("OSError",)}, "autoretry_for=('OSError',): give a tuple of exception"),
        (
            {"retry_kwargs": {"queue": "x"}},
            "retry_kwargs={'queue': 'x'}: give a dict of",
        ),
        ({"retry_kwargs": {"max_retries": -1}}, "retry_kwargs={'max_retries': -1}: give a dict"),
        ({"retry_kwargs": 5}, "retry_kwargs=5: give a dict of max_retries and countdown"),
        ({"dont_autoretry_for": (int,)}, "dont_autoretry_for=(<class 'int'>,): give a tuple of"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused_with_value_and_remedy(options, message):
    with pytest.raises(ConfigurationError) as caught:
        RetryPolicy(**options)
    assert message in str(caught.value)


def test_the_defaults_are_celerys():
    assert RetryPolicy() == RetryPolicy(3, 180, (), (), False, 600, True)


@pytest.mark.parametrize(
    ("max_retries", "retries", "may"),
    [(0, 0, False), (1, 0, True), (3, 2, True), (3, 3, False), (None, 10**6, True)],
)
def test_there_are_max_retries_retries_and_none_means_for_ever(max_retries, retries, may):
    assert may_retry(max_retries, retries) is may


@pytest.mark.parametrize(
    ("error", "itself"),
    [(OSError(), True), (ConnectionError(), True), (RefusedError(), False), (ValueError(), False)],
)
def test_a_policy_retries_its_classes_unless_they_are_among_the_exceptions(error, itself):
    policy = RetryPolicy(autoretry_for=(OSError,), dont_autoretry_for=(RefusedError,))
    assert retries_itself(policy, error) is itself
    assert not retries_itself(RetryPolicy(), error)


def delays(count, **options):
    policy = RetryPolicy(retry_jitter=False, **options)
    return [automatic_delay(policy, retries) for retries in range(count)]


def test_without_backoff_every_wait_is_the_default():
    assert delays(3, default_retry_delay=7) == [7, 7, 7]


@pytest.mark.parametrize(("backoff", "first"), [(True, 1), (3, 3), (0.5, 0.5)])
def test_backoff_doubles_up_to_its_maximum(backoff, first):
    doubled = delays(6, retry_backoff=backoff, retry_backoff_max=10 * first)
    assert doubled == [first, 2 * first, 4 * first, 8 * first, 10 * first, 10 * first]


def test_the_millionth_retry_waits_no_longer_than_the_maximum():
    policy = RetryPolicy(max_retries=None, retry_backoff=True, retry_jitter=False)
    assert automatic_delay(policy, 10**6) == 600


@given(backoff=st.floats(0.001, 1e9), maximum=st.floats(0, 1e9), retries=st.integers(0, 10**6))
def test_jitter_draws_between_zero_and_the_wait_without_it(backoff, maximum, retries):
    policy = RetryPolicy(retry_backoff=backoff, retry_backoff_max=maximum)
    plain = RetryPolicy(retry_backoff=backoff, retry_backoff_max=maximum, retry_jitter=False)
    assert 0 <= automatic_delay(policy, retries) <= automatic_delay(plain, retries) <= maximum


def test_jitter_spreads_the_waits():
    policy = RetryPolicy(retry_backoff=100)
    drawn = sorted(automatic_delay(policy, 0) for _ in range(200))
    assert drawn[0] < 25
    assert drawn[-1] > 75


@pytest.mark.parametrize(
    ("options", "of_the_job", "most", "delay"),
    [
        ({}, 3, 3, 180),
        ({"retry_kwargs": {"max_retries": 5}}, 3, 5, 180),
        ({"retry_kwargs": {"max_retries": None, "countdown": 2}}, 3, None, 2),
        ({"retry_kwargs": {"max_retries": 5}}, 1, 1, 180),  # the call said so
        ({"retry_kwargs": {"countdown": 2}, "retry_backoff": 7, "retry_jitter": False}, 3, 3, 7),
    ],
)
def test_retry_kwargs_are_for_automatic_retries_alone(options, of_the_job, most, delay):
    policy = RetryPolicy(**options)
    assert most_retries(policy, of_the_job) == most
    assert automatic_delay(policy, 0) == delay
