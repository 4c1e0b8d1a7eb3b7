"""The evaluation of alert rules: Prometheus's own results on small series, and nothing that is not evaluated passes."""

import math
from collections.abc import Callable

import pytest

from trial.alerting import EVERY, Alerting, read_rules
from trial.promql import NAME, Labels, Series, Unsupported, evaluate

RULES = {rule.name: rule for rule in read_rules()}


def labels_of(name: str, **labels: str) -> Labels:
    """The labels of a series."""
    return frozenset({NAME: name, **labels}.items())


def sampled(*values: float | None, every: float = 60.0, name: str = "x", **labels: str) -> Series:
    """A series with these values, from the time 0 on; None: it has ended."""
    series = Series()
    for number, number_value in enumerate(values):
        series.add(labels_of(name, **labels), number * every, number_value)
    return series


def only(query: str, series: Series, now: float) -> float:
    """The one value that a query gives."""
    (result,) = evaluate(query, series, now).values()
    return result


def test_an_instant_vector_looks_back_five_minutes() -> None:
    """And not beyond the end of its series; an offset is looked back from."""
    assert only("x", sampled(1, 2), 359) == 2
    assert evaluate("x", sampled(1, 2), 361) == {}
    assert evaluate("x", sampled(1, 2, None), 121) == {}
    assert only("x offset 2m", sampled(1, 2, 3, 4), 180) == 2


def test_rates_are_extrapolated() -> None:
    """To the bounds of the window, yet not below a count of 0; a counter that begins anew has not fallen."""
    rising = sampled(0, 60, 120, 180, 240, 300)
    assert only("increase(x[5m])", rising, 300) == pytest.approx(300)
    assert only("rate(x[5m])", rising, 300) == pytest.approx(1)
    assert only("increase(x[5m])", sampled(0, 0, 0, 5), 200) == pytest.approx(5 * 200 / 180)
    assert only("increase(x[5m])", sampled(10, 20, 5, 15), 180) == pytest.approx(25 * 210 / 180)
    assert only("increase(x[5m])", sampled(0, 0, 0, 0), 180) == 0
    assert evaluate("increase(x[5m])", sampled(7), 10) == {}, "one sample is no increase"


def test_a_first_burst_counts_only_if_there_was_a_zero() -> None:
    """Without a series from the start the first burst is no increase: why all counters begin at 0."""
    query = "increase(x[5m]) > 3"
    assert evaluate(query, sampled(0, 9, 9), 120)
    assert not evaluate(query, sampled(9, 9, 9), 120)


def test_vectors_are_joined() -> None:
    """By all labels or by those that are named; the left values stay."""
    series = Series()
    for instance, up in (("a", 0.0), ("b", 1.0)):
        series.add(labels_of("up", job="j", instance=instance), 0, up)
        series.add(labels_of("ready", job="j", instance=instance, kind="k"), 0, 1)
    series.add(labels_of("up", job="other", instance="c"), 0, 0)
    both = "up == 0 and on (job, instance) present_over_time(ready[1d])"
    assert evaluate(both, series, 1) == {labels_of("up", job="j", instance="a"): 0}
    assert evaluate("up == 0 unless on (job) ready", series, 1) == {
        labels_of("up", job="other", instance="c"): 0
    }
    assert len(evaluate("ready or up", series, 1)) == 5
    assert len(evaluate("ready or on () up", series, 1)) == 2
    assert evaluate("absent(none{job='j'})", series, 1) == {frozenset({("job", "j")}): 1}
    assert evaluate("absent(ready)", series, 1) == {}
    assert evaluate("count by (job) (up) < count by (job) (ready)", series, 1) == {}
    assert only("count by (job) (ready) / count by (job) (up{instance=~'a|b'})", series, 1) == 1
    assert math.isnan(only("up{instance='a'} / up{instance='a'}", series, 1))


def test_histograms_and_lines() -> None:
    """Quantiles lie on straight lines within their buckets; what is foreseen, on that of least squares."""
    series = Series()
    for bound, count in (("0.1", 50.0), ("0.2", 100.0), ("+Inf", 100.0)):
        series.add(labels_of("b", le=bound), 0, count)
    assert only("histogram_quantile(0.75, b)", series, 0) == pytest.approx(0.15)
    assert only("histogram_quantile(0.99, b)", series, 0) == pytest.approx(0.198)
    assert only("predict_linear(x[6h], 600)", sampled(0, 6, 12, 18), 180) == pytest.approx(78)


@pytest.mark.parametrize(
    "query",
    [
        "avg by (job) (x)",
        "sum without (job) (x)",
        "sum(x)",
        "x + 1",
        "x > bool 1",
        "1 < x",
        "x * on (job) group_left y",
        "delta(x[5m])",
        "max_over_time(x[5m:1m])",
        "x @ 5",
        "-x",
        "absent(sum by (job) (x))",
        "topk(1, x)",
    ],
)
def test_other_forms_are_refused(query: str) -> None:
    """What is not evaluated raises, also where there is no series."""
    with pytest.raises(Unsupported):
        evaluate(query, Series(), 0)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_evaluated_whole(name: str) -> None:
    """No rule has a form that is not evaluated: every part is, whatever series there are."""
    assert set(evaluate(RULES[name].query, Series(), 0).values()) <= {1}


PROCESS = {"job": "kubernetes-pods", "instance": "10.0.0.7:9464"}
GONE_BAD: dict[str, tuple[str, dict[str, str], Callable[[int], float]]] = {
    "TactFails": ("tact_calls_total", {"method": "Decide", "status": "INTERNAL"}, lambda scrape: scrape // 9),
    "TactSignalsDoubted": ("tact_signal_anomalies_total", {}, lambda scrape: float(scrape > 20)),
    "TactClockSetBack": ("tact_clock_ahead_seconds", {}, lambda scrape: 9.0 * (scrape > 20)),
    "TactWeatherAway": ("tact_weather_away", {}, lambda scrape: float(scrape > 20)),
    "TactMemoryGrows": ("process_resident_memory_bytes", {}, lambda scrape: 2e8 + 1.5e5 * scrape),
}
"""Alerts that no trial brings about: a series, and its value at each scrape."""


@pytest.mark.parametrize("name", GONE_BAD)
def test_alerts_that_no_trial_brings_about_fire(name: str) -> None:
    """Once, and no other; after their `for:` and not before; whatever the job is called."""
    series, labels, value = GONE_BAD[name]
    alerting = Alerting([])
    for scrape in range(300):
        alerting.now += EVERY
        alerting.series.add(labels_of("tact_ready", **PROCESS), alerting.now, 1)
        alerting.series.add(labels_of(series, **labels, **PROCESS), alerting.now, value(scrape))
        alerting.evaluate()
        assert not alerting.is_firing(name) or alerting.now > RULES[name].seconds
    assert dict(alerting.fired) == {name: 1}


def test_slow_calls_fire() -> None:
    """A p99 of Decide beyond 0.1 s for ten minutes, and none below it."""
    for bound, expected in (("0.0512", {}), ("0.2048", {"TactSlow": 1})):
        alerting = Alerting([])
        for scrape in range(80):
            alerting.now += EVERY
            alerting.series.add(labels_of("tact_ready", **PROCESS), alerting.now, 1)
            for le in ("0.0256", "0.0512", "0.1024", "0.2048", "+Inf"):
                count = scrape * 10.0 if float(le) >= float(bound) else 0.0
                bucket = labels_of("tact_call_seconds_bucket", method="Decide", le=le, **PROCESS)
                alerting.series.add(bucket, alerting.now, count)
            alerting.evaluate()
        assert dict(alerting.fired) == expected
