"""The statistics give the figures that others published or computed."""

import csv
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.measure import (
    Arm,
    PairedArm,
    always_valid,
    benjamini_hochberg,
    compare,
    cuped,
    flat_posterior,
    off_policy,
    plan,
    sample_ratio,
    self_normalised,
)
from engine.measure.statistics.sequential import mixing, sequential_quantile

DATA = Path(__file__).parent / "data"
EXPECTATIONS = json.loads((DATA / "expectations.json").read_text(encoding="utf-8"))
DIGITS = 5e-6
"""Relative error of a figure that is given with six digits."""


def welch(arms: list[list[float]]) -> list[Any]:
    """Difference, limits and p of means."""
    result = compare(*_arms(arms), "mean")
    return [*(result.difference or ()), result.p]


def welch_limits(arms: list[list[float]]) -> list[Any]:
    """Limits and p of means."""
    return welch(arms)[1:]


def fieller(arms: list[list[float]]) -> list[Any]:
    """Relative difference of means and its limits."""
    return [*(compare(*_arms(arms), "mean").relative or ())]


def fieller_limits(arms: list[list[float]]) -> list[Any]:
    """Limits of the relative difference of means."""
    return fieller(arms)[1:]


def mover(arms: list[list[float]]) -> list[Any]:
    """Limits of the difference and of the relative difference of proportions."""
    result = compare(*_arms(arms), "proportion")
    return [*(result.difference or ())[1:], *(result.relative or ())[1:]]


def newcombe(arms: list[list[float]]) -> list[Any]:
    """Limits of the difference of proportions."""
    return mover(arms)[:2]


def sequence(arms: list[list[float]]) -> list[Any]:
    """Always-valid limits, p, and relative limits."""
    result = always_valid(*_arms(arms), "mean", planned=5000)
    return [*(result.difference or ())[1:], result.p, *(result.relative or ())[1:]]


def sequence_about(figures: dict[str, float]) -> list[Any]:
    """Always-valid limits about an effect whose standard error is known."""
    half = figures["se"] * sequential_quantile(int(figures["persons"]), int(figures["planned"]))
    return [figures["effect"] - half, figures["effect"] + half]


def adjusted(arms: list[list[float]]) -> list[Any]:
    """Theta, the adjusted difference with its limits, and the ratio of variances."""
    result = cuped(*_pairs(arms))
    return [result.theta, *(result.adjusted.difference or ()), result.variance_ratio]


def adjusted_relative(arms: list[list[float]]) -> list[Any]:
    """Theta and the relative adjusted difference."""
    result = cuped(*_pairs(arms))
    return [result.theta, (result.adjusted.relative or [None])[0]]


def ratio(arms: list[list[float]]) -> list[Any]:
    """Ratios of both arms, their difference with limits, and relative limits."""
    result = compare(*_pairs(arms), "ratio")
    assert result.treated is not None
    assert result.control is not None
    return [
        *(result.treated.value, result.control.value),
        *(*(result.difference or ()), *(result.relative or ())[1:]),
    ]


def ips(_: None) -> list[Any]:
    """IPS of the uniform policy."""
    return [*(_uniform().ips or ())]


def snips(_: None) -> list[Any]:
    """SNIPS of the uniform policy."""
    return [*(_uniform().snips or ())]


def weights(_: None) -> list[Any]:
    """Effective size, mean weight with its standard error, and the largest weight."""
    result = _uniform()
    assert result.mean_weight is not None
    largest = result.heaviest * result.mean_weight.value * result.rows
    return [result.ess, result.mean_weight.value, result.mean_weight.error, largest]


def item_13(_: None) -> list[Any]:
    """How often item 13 was shown, its mean as shown, its Hájek level, and the effective size."""
    item, propensity, click = open_bandit()
    shown = item == 13
    level = self_normalised(click[shown], 1 / propensity[shown], np.flatnonzero(shown))
    return [level.rows, click[shown].mean(), level.mean.value, level.ess]


COMPUTES: dict[str, Callable[[Any], list[Any]]] = {
    "welch": welch,
    "welch limits": welch_limits,
    "fieller": fieller,
    "fieller limits": fieller_limits,
    "mover": mover,
    "newcombe": newcombe,
    "always valid": sequence,
    "sequence about": sequence_about,
    "cuped": adjusted,
    "cuped relative": adjusted_relative,
    "ratio": ratio,
    "flat posterior": lambda arms: [*(flat_posterior(*_arms(arms)) or ())],
    "sample ratio": lambda observed: [*sample_ratio(observed)[:2]],
    "benjamini-hochberg": benjamini_hochberg,
    "plan": lambda figures: [plan(**figures).total],
    "mixing": lambda figures: [mixing(figures["planned"], figures["alpha"])],
    "ips": ips,
    "snips": snips,
    "weights": weights,
    "item 13": item_13,
}


@pytest.mark.parametrize("expectation", EXPECTATIONS, ids=lambda expectation: str(expectation["id"]))
def test_figures(expectation: dict[str, Any]) -> None:
    """What is computed lies within the tolerance of what is expected; no limit is expected where it says null."""
    figures = COMPUTES[expectation["computes"]](expectation["input"])
    assert len(figures) == len(expectation["expected"])
    for figure, expected in zip(figures, expectation["expected"], strict=True):
        if expected is None:
            assert figure is None
        elif expectation["tolerance"] == 1e-6:
            assert figure == pytest.approx(expected, rel=DIGITS, abs=0)
        else:
            assert figure == pytest.approx(expected, rel=0, abs=expectation["tolerance"])


def test_no_figure_is_left_out() -> None:
    """Forty figures; the forty-first is of attribution."""
    assert len({expectation["id"] for expectation in EXPECTATIONS}) == 40


@cache
def open_bandit() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Item, propensity and click of each row."""
    with (DATA / "open_bandit.csv").open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    return (
        np.array([int(row["item"]) for row in rows]),
        np.array([float(row["propensity"]) for row in rows]),
        np.array([float(row["click"]) for row in rows]),
    )


@cache
def _uniform() -> Any:
    item, propensity, click = open_bandit()
    return off_policy(click, propensity, np.full(len(item), 1 / 34), np.arange(len(item)))


def _arms(arms: list[list[float]]) -> tuple[Arm, Arm]:
    treated, control = (Arm(int(persons), total, squares) for persons, total, squares in arms)
    return treated, control


def _pairs(arms: list[list[float]]) -> tuple[PairedArm, PairedArm]:
    treated, control = (PairedArm(int(persons), *sums) for persons, *sums in arms)
    return treated, control
