"""`tact plan`: how long until an effect is seen, and the smallest effect that is seen after so many weeks."""

import re
from math import isfinite, nan
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import orjson
import typer

from engine.cli.exits import USAGE, ended_by_signals, fail
from engine.cli.options import settings_of
from engine.cli.screen import screen, table
from engine.ledger.errors import LedgerError
from engine.rulebook.report.findings import ParseError
from engine.rulebook.text import durations

if TYPE_CHECKING:
    from engine.measure.pace import Pace
    from engine.measure.statistics.planning import SamplePlan

_METRICS = ("converted", "orders", "value")
_WEEKS = 12
_PERCENT = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+)?) ?%")


class _Start(NamedTuple):
    """What is known before the experiment."""

    mean: float
    variance: float
    is_rate: bool
    weekly: float | None
    share: float
    words: str


def plan(
    effect: Annotated[
        str, typer.Option(help="The effect to be seen: 5% of the control's figure, or a number in its unit.")
    ],
    log: Annotated[
        str | None,
        typer.Option(
            help="URL of the decision log from which the campaign's own figures are read. Or TACT_LOG."
        ),
    ] = None,
    campaign: Annotated[str, typer.Option(help="The campaign; with --log.")] = "",
    metric: Annotated[
        str, typer.Option(help="Of a person within the window: converted, orders or value; with --log.")
    ] = "converted",
    window: Annotated[
        str, typer.Option(help="Time after the first contact that counts, such as 7d; with --log.")
    ] = "7d",
    rate: Annotated[str, typer.Option(help="The control's rate, such as 3%; in place of a log.")] = "",
    weekly: Annotated[
        float | None, typer.Option(help="New persons a week of both arms; by default the log's.", min=0)
    ] = None,
    share: Annotated[str, typer.Option(help="Share of the control; by default the log's, else 50%.")] = "",
    power: Annotated[float, typer.Option(help="Probability with which the effect is to be seen.")] = 0.8,
    level: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Print how many persons and weeks it takes until an effect is seen, by one look at the end and by looks at any time."""
    try:
        from engine.measure.statistics import planning  # noqa: PLC0415 - the extra is loaded by this command only
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: install tact[measure]")
    if rate and campaign:
        fail("--rate is in place of --campaign: give one of them", USAGE)
    start = _given(rate, share, weekly) if rate else _logged(log, campaign, metric, window, share, weekly)
    change, relative = _effect(effect)
    options: dict[str, Any] = {
        "relative": relative,
        "ratio": (1 - start.share) / start.share,
        "power": power,
        "level": level,
    }
    options |= {"rate": start.mean} if start.is_rate else {"mean": start.mean, "variance": start.variance}
    try:
        fixed, always = (
            planning.plan(change, sequential=sequential, **options) for sequential in (False, True)
        )
    except ValueError as error:
        fail(str(error), USAGE)
    if as_json:
        typer.echo(orjson.dumps(_document(start, fixed, always)))
    else:
        _show(start, fixed, always)


def _given(rate: str, share: str, weekly: float | None) -> _Start:
    base = _fraction("--rate", rate)
    return _Start(
        base, base * (1 - base), True, weekly, _fraction("--share", share or "50%"), f"a rate of {rate}"
    )


def _logged(
    log: str | None, campaign: str, metric: str, window: str, share: str, weekly: float | None
) -> _Start:
    if not campaign:
        fail("name a campaign with --campaign, or the control's rate with --rate", USAGE)
    if metric not in _METRICS:
        fail(f"--metric {metric}: it is converted, orders or value", USAGE)
    try:
        span = durations.parse(window)
    except ParseError as error:
        fail(f"--window {window}: {error}; {error.hint}", USAGE)
    try:
        from engine.measure.pace import campaign_pace  # noqa: PLC0415 - the extra is loaded by this command only
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: install tact[measure]")
    try:
        with ended_by_signals():
            pace = campaign_pace(settings_of(log=log).log, campaign, metric, span)
    except ValueError as error:
        fail(str(error), USAGE)
    except LedgerError as error:
        fail(str(error))
    if pace is None:
        fail(f"the log has no contact of a campaign {campaign!r}")
    return _start(pace, campaign, metric, window, share, weekly)


def _start(pace: "Pace", campaign: str, metric: str, window: str, share: str, weekly: float | None) -> _Start:
    base = pace.baseline
    if base.persons < 2 or base.variance == 0:
        fail(
            f"too little is known of {campaign}: {base.persons:,} persons whose {window} are over, without any spread"
        )
    of = "control persons" if base is pace.control else "persons"
    figure = f"{base.mean:.3%} convert" if metric == "converted" else f"{base.mean:.4g} {metric} a person"
    words = f"{campaign}: {figure} within {window}, of {base.persons:,} {of}"
    if pace.maturing:
        words += f" ({pace.maturing:,} more are still within their {window})"
    control = _fraction("--share", share) if share else pace.share or 0.5
    pace_weekly = pace.weekly if weekly is None else weekly
    return _Start(base.mean, base.variance, metric == "converted", pace_weekly, control, words)


def _fraction(option: str, text: str) -> float:
    match = _PERCENT.fullmatch(text)
    if match is None or not 0 < float(match[1]) < 100:
        fail(f"{option} {text}: not a percentage between 0% and 100%, for example 5%", USAGE)
    return float(match[1]) / 100


def _effect(text: str) -> tuple[float, bool]:
    """The effect, and whether it is relative."""
    match = _PERCENT.fullmatch(text)
    try:
        effect = float(match[1]) / 100 if match else float(text)
    except ValueError:
        effect = nan
    if not isfinite(effect):
        fail(f"--effect {text}: neither a percentage nor a number, for example 5% or 0.002", USAGE)
    return effect, match is not None


def _weeks(plan: "SamplePlan", weekly: float | None) -> list[tuple[int, int, float | None]]:
    """Week, persons by then, and the smallest effect, absolute."""
    if not weekly:
        return []
    effects = enumerate(plan.smallest_effects(weekly, _WEEKS), 1)
    return [(week, int(week * weekly), smallest) for week, smallest in effects]


def _document(start: _Start, fixed: "SamplePlan", always: "SamplePlan") -> dict[str, Any]:
    def figures(plan: "SamplePlan") -> dict[str, Any]:
        return {
            "persons": plan.total,
            "treated": plan.treated,
            "control": plan.control,
            "weeks": plan.weeks(start.weekly) if start.weekly else None,
            "smallest_effects": [
                {
                    "week": week,
                    "persons": persons,
                    "effect": effect,
                    "relative": _relative(effect, start.mean),
                }
                for week, persons, effect in _weeks(plan, start.weekly)
            ],
        }

    return {
        "schema": 1,
        "mean": start.mean,
        "variance": start.variance,
        "weekly": start.weekly,
        "control_share": start.share,
        "effect": fixed.effect,
        "relative": _relative(fixed.effect, start.mean),
        "power": fixed.power,
        "level": fixed.level,
        "fixed": figures(fixed),
        "always_valid": figures(always),
    }


def _relative(effect: float | None, mean: float) -> float | None:
    return None if effect is None or mean <= 0 else effect / mean


def _show(start: _Start, fixed: "SamplePlan", always: "SamplePlan") -> None:
    console = screen()
    pace = f"; {start.weekly:,.0f} new persons a week" if start.weekly else ""
    console.print(f"{start.words}{pace}; {100 * start.share:.3g} % of them in the control")
    effect = _change(fixed.effect, start)
    console.print(f"An effect of {effect} is seen with a probability of {fixed.power:.0%}:")
    for name, plan in (("by one look at the end", fixed), ("by looks at any time", always)):
        weeks = plan.weeks(start.weekly) if start.weekly else None
        time = "" if weeks is None else f", {weeks:,.1f} weeks"
        console.print(
            f"  {name}: {plan.total:,} persons ({plan.treated:,} treated, {plan.control:,} control){time}"
        )
    rows = zip(_weeks(fixed, start.weekly), _weeks(always, start.weekly), strict=True)
    grid = table("weeks", "persons", "smallest effect, one look", "smallest effect, any look")
    for column in grid.columns:
        column.justify = "right"
    for (week, persons, at_end), (_, _, at_any) in rows:
        grid.add_row(str(week), f"{persons:,}", _change(at_end, start), _change(at_any, start))
    if grid.row_count:
        console.print(grid)


def _change(effect: float | None, start: _Start) -> str:
    """The effect in its unit, and relative to the control's figure."""
    if effect is None:
        return "none"
    unit = f"{100 * effect:+.3g} points" if start.is_rate else f"{effect:+.4g}"
    relative = _relative(effect, start.mean)
    return unit if relative is None else f"{unit} ({relative:+.1%})"
