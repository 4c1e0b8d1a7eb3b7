"""Matching compared with other engines, and its growth with the number of campaigns.

`python -m bench.matching` prints a table. Every engine must find the campaigns that ours finds. Times are medians
over the requests, the best of several rounds; the engines take their rounds in turn, so that all see the same
noise. Peers are measured up to 1,000 campaigns: most of them take milliseconds beyond.
"""

import gc
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from itertools import count, islice
from random import Random
from typing import Any

import cel
import clips
import datalogic_py
import zen
from durable.engine import MessageNotHandledException
from durable.lang import assert_fact, m, retract_fact, ruleset, when_all
from growthbook.core import evalCondition

from bench.ratio import Ratio
from engine.conditions.index.index import ConditionIndex
from engine.conditions.model import ITEM, All, Collation, Condition, Operator, Test
from engine.model.values import Moment

MOMENT = Moment(0, date(2026, 3, 10))
CITIES, SEGMENTS, EXTRAS = 50, 7, 20
Request = dict[str, Any]
Match = Callable[[Request], list[int]]


@dataclass(frozen=True)
class Campaign:
    """Three tests: the city, the least temperature, the segment."""

    city: str
    temperature: int
    segment: str


def campaigns(size: int, cities: int = CITIES, segments: int = SEGMENTS) -> list[Campaign]:
    random = Random(42)
    return [
        Campaign(
            f"city{random.randrange(cities)}", random.randint(-5, 35), f"segment{random.randrange(segments)}"
        )
        for _ in range(size)
    ]


def requests(cities: int = CITIES, segments: int = SEGMENTS) -> Iterator[Request]:
    random = Random(43)
    while True:
        yield {
            "city": f"city{random.randrange(cities)}",
            "temperature": random.randint(-10, 40),
            "segment": f"segment{random.randrange(segments)}",
        }


def conditions(written: Sequence[Campaign]) -> list[Condition]:
    return [
        All(
            (
                Test("city", Operator.EQ, campaign.city),
                Test("temperature", Operator.GTE, campaign.temperature),
                Test("segment", Operator.EQ, campaign.segment),
            )
        )
        for campaign in written
    ]


def tact(written: Sequence[Condition]) -> Match:
    index = ConditionIndex.build(written)
    return lambda request: index.match(request, MOMENT)


# The other engines, each used as its documentation shows.


def clipspy(written: Sequence[Campaign]) -> Match:
    environment, hits = clips.Environment(), []
    environment.define_function(hits.append, "hit")
    environment.build(
        "(deftemplate request (slot city (type STRING)) (slot temperature (type INTEGER))"
        " (slot segment (type STRING)))"
    )
    for number, campaign in enumerate(written):
        environment.build(
            f'(defrule rule{number} (request (city "{campaign.city}") (temperature ?t&:(>= ?t {campaign.temperature}))'
            f' (segment "{campaign.segment}")) => (hit {number}))'
        )
    template = environment.find_template("request")

    def match(request: Request) -> list[int]:
        hits.clear()
        fact = template.assert_fact(**request)
        environment.run()
        fact.retract()
        return sorted(hits)

    return match


_rulesets, _facts = count(1), count(1)


def durable_rules(written: Sequence[Campaign]) -> Match:
    name, hits = f"bench{next(_rulesets)}", []

    def action(number: int) -> Callable[[Any], None]:
        def hit(c: Any) -> None:  # noqa: ARG001 - it must take exactly one
            hits.append(number)

        return hit

    with ruleset(name):
        for number, campaign in enumerate(written):
            when_all(
                (m.city == campaign.city)
                & (m.temperature >= campaign.temperature)
                & (m.segment == campaign.segment)
            )(action(number))

    def match(request: Request) -> list[int]:
        hits.clear()
        fact = {"id": next(_facts), **request}
        for step in (assert_fact, retract_fact):
            try:
                step(name, fact)
            except MessageNotHandledException:  # nothing matched
                continue
        return sorted(hits)

    return match


def zen_table(written: Sequence[Campaign]) -> Match:
    table = {
        "hitPolicy": "collect",
        "inputs": [{"id": name, "name": name, "field": name} for name in ("city", "temperature", "segment")],
        "outputs": [{"id": "campaign", "name": "campaign", "field": "campaign"}],
        "rules": [
            {
                "_id": str(number),
                "city": json.dumps(campaign.city),
                "temperature": f">= {campaign.temperature}",
                "segment": json.dumps(campaign.segment),
                "campaign": str(number),
            }
            for number, campaign in enumerate(written)
        ],
    }
    nodes = [
        {"id": "in", "name": "in", "type": "inputNode"},
        {"id": "table", "name": "table", "type": "decisionTableNode", "content": table},
        {"id": "out", "name": "out", "type": "outputNode"},
    ]
    edges = [
        {"id": "1", "sourceId": "in", "targetId": "table", "type": "edge"},
        {"id": "2", "sourceId": "table", "targetId": "out", "type": "edge"},
    ]
    content = zen.ZenDecisionContent(json.dumps({"nodes": nodes, "edges": edges}))
    decision = zen.ZenEngine().create_decision(content)
    return lambda request: [row["campaign"] for row in decision.evaluate(request)["result"]]


def zen_expressions(written: Sequence[Campaign]) -> Match:
    compiled = [
        zen.compile_expression(
            f'city == "{campaign.city}" and temperature >= {campaign.temperature} and segment == "{campaign.segment}"'
        )
        for campaign in written
    ]
    return lambda request: [
        number for number, expression in enumerate(compiled) if expression.evaluate(request)
    ]


def growthbook(written: Sequence[Campaign]) -> Match:
    compiled = [
        {"city": campaign.city, "temperature": {"$gte": campaign.temperature}, "segment": campaign.segment}
        for campaign in written
    ]
    return lambda request: [
        number for number, condition in enumerate(compiled) if evalCondition(request, condition)
    ]


def common_expression_language(written: Sequence[Campaign]) -> Match:
    compiled = [
        cel.compile(
            f'city == "{campaign.city}" && temperature >= {campaign.temperature} && segment == "{campaign.segment}"'
        )
        for campaign in written
    ]

    def match(request: Request) -> list[int]:
        context = cel.Context(request)
        return [number for number, program in enumerate(compiled) if program.execute(context)]

    return match


def datalogic(written: Sequence[Campaign]) -> Match:
    engine = datalogic_py.Engine()
    session = engine.session()
    compiled = [
        engine.compile(
            {
                "and": [
                    {"==": [{"var": "city"}, campaign.city]},
                    {">=": [{"var": "temperature"}, campaign.temperature]},
                    {"==": [{"var": "segment"}, campaign.segment]},
                ]
            }
        )
        for campaign in written
    ]

    def match(request: Request) -> list[int]:
        results = session.evaluate_many(compiled, datalogic_py.DataHandle(request))
        return [number for number, result in enumerate(results) if result == "true"]

    return match


PEERS: list[tuple[str, Callable[[Sequence[Campaign]], Match], float]] = [
    ("clipspy", clipspy, 5),
    ("durable-rules", durable_rules, 5),
    ("zen-engine table", zen_table, 50),
    ("zen-engine expressions", zen_expressions, 50),
    ("growthbook", growthbook, 50),
    ("common-expression-language", common_expression_language, 50),
    ("datalogic-py", datalogic, 1),
]


def microseconds(match: Match, seen: Sequence[Request]) -> float:
    """The median time of a match."""
    clock = time.perf_counter_ns
    times = []
    for request in seen:
        start = clock()
        match(request)
        times.append(clock() - start)
    return statistics.median(times) / 1000


def measured(matches: dict[str, Match], seen: dict[str, Sequence[Request]], rounds: int) -> dict[str, float]:
    """The best of the rounds by name."""
    best: dict[str, float] = {}
    gc.collect()
    for _ in range(rounds):
        for name, match in matches.items():
            best[name] = min(best.get(name, float("inf")), microseconds(match, seen[name]))
    return best


def beside_peers() -> list[Ratio]:
    """Peers' time over ours at 1,000 campaigns; at 10 and 100 in the detail."""
    sizes = (10, 100, 1000)
    times: dict[int, dict[str, float]] = {}
    for size in sizes:
        written = campaigns(size)
        seen = list(islice(requests(), 200))
        matches = {"tact": tact(conditions(written)), **{name: make(written) for name, make, _ in PEERS}}
        typed = tact(with_typed(conditions(written), Random(44)))
        matches["typed"] = lambda request, typed=typed: typed(request | TYPED_REQUEST)  # type: ignore[misc]
        for name, match in matches.items():
            for request in seen[:50]:
                if match(request) != matches["tact"](request):
                    raise AssertionError(f"{name} differs from tact at {size} campaigns for {request}")
        few = {name: seen if name == "tact" else seen[:100] for name in matches}
        times[size] = measured(matches, few, rounds=7)

    def detail(name: str) -> str:
        return " / ".join(f"{times[size][name]:.1f}" for size in sizes)

    return [
        Ratio(
            f"matching: {name} / tact at 1,000",
            times[1000][name] / times[1000]["tact"],
            target,
            f"{detail(name)} µs against {detail('tact')} µs at 10 / 100 / 1,000 campaigns; "
            f"{times[1000][name] / times[1000]['typed']:.1f} times with versions, networks, items and any case in a tenth",
        )
        for name, _, target in PEERS
    ]


def with_extras(written: Sequence[Condition], random: Random) -> list[Condition]:
    """Twenty further attributes, each used by a tenth of the conditions; every request passes them."""
    extras = [Test(f"extra{number}", Operator.EQ, "yes") for number in range(0, EXTRAS, 2)]
    extras += [Test(f"extra{number}", Operator.GTE, 5) for number in range(1, EXTRAS, 2)]
    return [All((condition, *(extra for extra in extras if random.random() < 0.1))) for condition in written]


TYPED_REQUEST: Request = {
    "app_version": "10.2.0",
    "ip": "10.1.2.3",
    "sizes": (3, 200),
    "interests": ("Skin", "Hair"),
    "name": "Saint-Étienne",
}
"""What passes every test of `typed_test`."""


def typed_test(random: Random) -> Test:
    """A test with an operator on versions, networks, items of lists, whole lists, or texts in any case."""
    caseless, length = Collation.CASELESS, random.randint(1, 13)
    number = random.randrange(100)
    below = Test(ITEM, Operator.LT, number + 200)
    tests = (
        Test("app_version", Operator.GTE, f"{number // 10}.{number}", collation=Collation.VERSION),
        Test("app_version", Operator.BETWEEN, (f"{number}.1-rc.1"[1:], "11"), collation=Collation.VERSION)
        if number >= 10
        else Test("app_version", Operator.LT, f"11.{number}.0", collation=Collation.VERSION),
        Test("ip", Operator.IN_NETWORK, (f"10.0.0.0/{random.randint(8, 15)}", f"192.0.2.{number}")),
        Test("sizes", Operator.ANY_ITEM, (), inner=(Test(ITEM, Operator.GT, number),)),
        Test("sizes", Operator.ANY_ITEM, (), inner=(Test(ITEM, Operator.GT, number), below)),
        Test("sizes", Operator.ALL_ITEMS, (), inner=(below,)),
        Test("sizes", Operator.SIZE, (), inner=(Test(ITEM, Operator.LT, number + 3),)),
        Test("interests", Operator.HAS_ANY, ("SKIN", f"other{number}"), collation=caseless),
        Test("interests", Operator.EQ, ("Skin", "Hair")),
        Test("name", Operator.STARTS_WITH, "SAINT-ÉTIENNE"[:length], collation=caseless),
        Test("name", Operator.NE, f"OTHER{number}", collation=caseless),
        Test("name", Operator.CONTAINS, "AINT-ÉTIEN"[: 1 + number // 10], collation=caseless),
    )
    return random.choice(tests)


def with_typed(written: Sequence[Condition], random: Random) -> list[Condition]:
    """A tenth of the conditions have such a test as well."""
    return [
        All((condition, typed_test(random))) if random.random() < 0.1 else condition for condition in written
    ]


class More(Enum):
    """What conditions have beside the three tests."""

    NOTHING = ""
    EXTRAS = " with 20 more attributes"
    TYPED = " with versions, networks, items and any case in a tenth"


def growth(beside: More) -> Ratio:
    """Time at 10,000 over time at 10, five hits each: the choice of cities and segments grows with the book."""
    choices = {10: (1, 1), 100: (2, 5), 1000: (20, 5), 10_000: (200, 5)}
    more: Request = {}
    if beside is More.EXTRAS:
        more = {f"extra{number}": number + 5 if number % 2 else "yes" for number in range(EXTRAS)}
    elif beside is More.TYPED:
        more = TYPED_REQUEST
    matches: dict[str, Match] = {}
    seen: dict[str, Sequence[Request]] = {}
    for size, choice in choices.items():
        written = conditions(campaigns(size, *choice))
        if beside is not More.NOTHING:
            written = (with_extras if beside is More.EXTRAS else with_typed)(written, Random(44))
        match = matches[f"{size:,}"] = tact(written)
        with_five_hits = (
            request for plain in requests(*choice) if len(match(request := {**plain, **more})) == 5
        )
        seen[f"{size:,}"] = list(islice(with_five_hits, 200))
    times = measured(
        matches, seen, rounds=120
    )  # half a second, so that one burst of the machine does not reach all
    grown = times["10,000"] / times["10"]
    return Ratio(
        f"matching: growth from 10 to 10,000{beside.value}, as 3 / growth",
        3 / grown,
        1.0,
        f"{grown:.2f}x: {' / '.join(f'{cost:.2f}' for cost in times.values())} µs at {' / '.join(times)}, 5 hits",
    )


def ratios() -> list[Ratio]:
    """All ratios of matching, in under a minute."""
    return [*map(growth, More), *beside_peers()]


if __name__ == "__main__":
    for ratio in ratios():
        print(
            f"{'good' if ratio.good else 'LOW ':4} {ratio.ratio:9.1f} (target {ratio.target:g})  "
            f"{ratio.name}: {ratio.detail}"
        )
