"""The arithmetic, on values whose answers are known."""

from __future__ import annotations

from hypothesis import given, strategies as st

from pgqueue.bench import figures
from pgqueue.bench.figures import Percentiles
from pgqueue.bench.plan import Size


def test_percentiles_of_a_known_list():
    assert figures.percentiles([5, 1, 4, 2, 3]) == Percentiles(p50=3, p90=5, p99=5, max=5)
    assert figures.percentiles(range(1, 1001)) == Percentiles(p50=500, p90=900, p99=990, max=1000)


def test_one_value_is_every_percentile_and_none_has_none():
    assert figures.percentiles([7.5]) == Percentiles(7.5, 7.5, 7.5, 7.5)
    assert figures.percentiles([]) is None


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_percentiles_are_values_that_happened_and_do_not_fall(values):
    found = figures.percentiles(values)
    assert {found.p50, found.p90, found.p99, found.max} <= set(values)
    assert found.p50 <= found.p90 <= found.p99 <= found.max == max(values)


def test_a_rate_over_no_time_is_none_that_divides_by_zero():
    assert figures.rate(10, 0) == 0
    assert figures.rate(10, 4) == 2.5


def test_a_backlog_that_grows_has_a_slope_and_one_that_stands_has_none():
    assert figures.slope([(t, 100 + 7 * t) for t in range(10)]) == 7
    assert figures.slope([(t, 100) for t in range(10)]) == 0
    assert figures.slope([(1, 5)]) == 0


def test_what_was_not_measured_is_not_a_figure_per_job():
    assert figures.per_job(None, 10) is None
    assert figures.per_job(5, 0) is None


def test_a_size_is_scaled_in_all_its_parts_but_never_to_nothing():
    small = Size().scaled(0.1)
    assert (small.jobs, small.seconds, small.pickups) == (5000, 1.0, 20)
    least = Size().scaled(1e-9)
    assert (least.jobs, least.pickups) == (2, 1)
    assert small.producers == Size().producers
