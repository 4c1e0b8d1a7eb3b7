"""The cost of deriving attributes, and its growth with the number of events.

`python -m bench.attributes` prints a table: patterns, and twenty derived attributes at once, for customers with 5, 20 and
200 events. Times are the best of several rounds.
"""

import time
from collections.abc import Callable
from random import Random
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from bench.ratio import Ratio
from bench.table import Step, silent
from engine.conditions.model import Operator, Test
from engine.decide.attributes.derive import Derivation, derivation
from engine.model.event import Event
from engine.model.instant import DAY, SECOND
from engine.model.values import Value
from engine.rulebook.model.derived import (
    Absence,
    Aggregate,
    Anchor,
    Derived,
    Distance,
    Exposed,
    Measure,
    Pattern,
    PatternStep,
)

SIZES = (5, 20, 200)
GROWTH = 15
"""How many times as much ten times the events may cost."""
NOW = 1_773_111_600 * SECOND
HOUR = 3600 * SECOND
LOCATION: dict[str, Value] = {
    "location.latitude": 31.2,
    "location.longitude": 121.5,
    "location.country": "CN",
}
TYPES = ("page_view", "product_view", "add_to_cart", "purchase")


def left_in_cart(number: int = 0) -> Pattern:
    """The pattern of the documentation, and variations of it by number."""
    return Pattern(
        f"left-in-cart-{number}",
        PatternStep("add_to_cart", within=(number + 1) * DAY),
        (PatternStep("page_view", Test("page", Operator.EQ, "/checkout"), HOUR, Anchor.FIRST),),
        (Absence("purchase", same="item"),),
        expose={"item": Exposed(0, "item")},
    )


def events(size: int) -> list[Event]:
    """Events as a shop sends them: of the last five days, about a few items."""
    random = Random(size)
    moments = sorted(random.randrange(5 * DAY) for _ in range(size))
    return [
        Event(
            f"e{number}",
            random.choices(TYPES, (50, 30, 15, 5))[0],
            NOW - 5 * DAY + at,
            {
                "item": f"item{random.randrange(20)}",
                "page": random.choice(("/", "/checkout", "/cream")),
                "category": random.choice(("cream", "soap")),
                "value": float(random.randrange(100)),
            },
        )
        for number, at in enumerate(moments)
    ]


def twenty_attributes() -> Derivation:
    """Seven aggregates, four patterns, two distances, the purchases' three and the clock's four."""
    cream = Test("category", Operator.EQ, "cream")
    aggregates = [
        Aggregate(f"{measure} of {type_}", type_, measure, "value", cream, 3 * DAY)
        for type_ in TYPES[:2]
        for measure in Measure
    ][:7]
    patterns = [left_in_cart(number) for number in range(4)]
    distances = [Distance(f"distance to {number} km", 30.0 + number, 120.0) for number in range(2)]
    derived = Derived(
        {aggregate.name: aggregate for aggregate in aggregates},
        {distance.name: distance for distance in distances},
        {pattern.name: pattern for pattern in patterns},
    )
    names = {
        *derived.aggregates,
        *derived.distances,
        *(f"pattern.{name}" for name in derived.patterns),
        *("rfm.recency_days", "rfm.frequency", "rfm.monetary"),
        *("now.hour", "now.weekday", "now.date", "now.month"),
    }
    return derivation(derived, names, ZoneInfo("Asia/Shanghai"))


def single_pattern() -> Derivation:
    pattern = left_in_cart()
    name = f"pattern.{pattern.name}"
    return derivation(Derived(patterns={pattern.name: pattern}), {name}, ZoneInfo("Asia/Shanghai"))


def microseconds(stage: Derivation, size: int, rounds: int) -> float:
    recent = events(size)
    calls = max(1, 4000 // size)
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            stage.derive(LOCATION, recent, NOW)
        best = min(best, (time.perf_counter() - start) / calls)
    return best * 1e6


STAGES: dict[str, Callable[[], Derivation]] = {
    "a pattern": single_pattern,
    "20 derived attributes": twenty_attributes,
}


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """For each stage, how far its growth from 20 to 200 events stays below GROWTH."""
    measured = []
    for name, make in STAGES.items():
        step(f"attributes: {name}")
        stage = make()
        cost = {size: microseconds(stage, size, 3 if quick else 9) for size in SIZES}
        growth = cost[200] / cost[20]
        detail = ", ".join(f"{size} events {cost[size]:.1f} µs" for size in SIZES)
        measured.append(
            Ratio(f"{name}: {GROWTH} / growth from 20 to 200 events", GROWTH / growth, 1.0, detail)
        )
    return measured


def main() -> None:
    """Print the ratios."""
    table = Table("ratio", "value", "target", "detail")
    for ratio in ratios():
        table.add_row(ratio.name, f"{ratio.ratio:.2f}", f"{ratio.target:.2f}", ratio.detail)
    Console(width=150).print(table)


if __name__ == "__main__":
    typer.run(main)
