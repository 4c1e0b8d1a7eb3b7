"""Loading of behaviour, patterns, signals, places and the section `events`."""

from pathlib import Path

import pytest

from engine.conditions.evaluate import holds
from engine.conditions.model import ALWAYS, All, Any_, None_, Operator, Test, attributes_of
from engine.decide.attributes.derive import closure, derivation
from engine.decide.compiled import compile_book
from engine.model.event import Event
from engine.model.instant import DAY, SECOND
from engine.rulebook.load import load_files
from engine.rulebook.model.book import Attribute, AttributeType, Book
from engine.rulebook.model.derived import (
    Absence,
    Aggregate,
    Anchor,
    Distance,
    EventStore,
    Exposed,
    Measure,
    Pattern,
    PatternStep,
    Prefer,
)
from engine.rulebook.report.diagnostics import Code, Severity

GOLDEN = Path(__file__).parent / "golden"
RICH = (GOLDEN / "_rich.yaml").read_bytes()
DERIVED = (GOLDEN / "_derived.yaml").read_bytes()
HOUR = 3600 * SECOND


def codes(text: str) -> list[Code]:
    """The codes of the errors that the text adds to the rich book."""
    loaded = load_files({"rich.yaml": RICH, "x.yaml": text.encode()})
    return [diagnostic.code for diagnostic in loaded.diagnostics if diagnostic.severity is Severity.ERROR]


@pytest.fixture(scope="module")
def book() -> Book:
    """The rich book with everything that can be derived."""
    loaded = load_files({"rich.yaml": RICH, "derived.yaml": DERIVED})
    assert loaded.book is not None, loaded.diagnostics
    assert loaded.diagnostics == ()
    return loaded.book


def test_patterns(book: Book) -> None:
    """Steps have tests beside the event; their windows begin at the given event, or at the previous step."""
    assert book.derived.patterns["left-in-cart"] == Pattern(
        "left-in-cart",
        PatternStep("add_to_cart", Test("category", Operator.IN, ("cream", "soap")), DAY, Anchor.NOW),
        (
            PatternStep("page_view", Test("page", Operator.EQ, "/checkout"), HOUR, Anchor.FIRST),
            PatternStep(
                "page_view",
                Any_((Test("page", Operator.EQ, "/help"), Test("scrolled", Operator.GTE, 0.5))),
                HOUR // 6,
                Anchor.PREVIOUS,
            ),
        ),
        (Absence("purchase", ALWAYS, "item"),),
        Prefer.MOST_VALUE,
        {
            "colour": Exposed(0, "colour"),
            "item": Exposed(0, "item"),
            "page": Exposed(2, "page"),
            "value": Exposed(0, "value"),
        },
    )
    assert book.derived.patterns["bought"].not_after == (
        Absence("returned", ALWAYS, "item"),
        Absence("complaint"),
    )


def test_signals(book: Book) -> None:
    """Signals test patterns and signals as attributes that are true, and name what they keep."""
    signal = book.derived.signals["cart-abandoned"]
    assert signal.when == All(
        (
            None_((Test("signal.complained", Operator.EQ, True),)),
            Test("pattern.left-in-cart", Operator.EQ, True),
        )
    )
    assert signal.hold == 2 * DAY
    assert signal.until == Test("pattern.bought", Operator.EQ, True)
    assert signal.expose == {"item": "pattern.left-in-cart.item", "name": "profile.name"}
    assert book.derived.signals["complained"].hold == 0


def test_aggregates(book: Book) -> None:
    """An aggregate's name says what it measures, and a condition compares it like any attribute."""
    cream = All((Test("category", Operator.EQ, "cream"), Test("value", Operator.GT, 3)))
    views = "count of product_view where category eq cream and value gt 3 within 7d"
    assert book.derived.aggregates == {
        "count of complaint within 14d": Aggregate(
            "count of complaint within 14d", "complaint", Measure.COUNT, within=14 * DAY
        ),
        views: Aggregate(views, "product_view", Measure.COUNT, "", cream, 7 * DAY),
        "days_since_last of purchase": Aggregate(
            "days_since_last of purchase", "purchase", Measure.DAYS_SINCE_LAST
        ),
        'distinct of item of purchase where gift eq true and not (item eq "9")': Aggregate(
            'distinct of item of purchase where gift eq true and not (item eq "9")',
            "purchase",
            Measure.DISTINCT,
            "item",
            All((Test("gift", Operator.EQ, True), None_((Test("item", Operator.EQ, "9"),)))),
        ),
        "sum of value of purchase within 36h": Aggregate(
            "sum of value of purchase within 36h", "purchase", Measure.SUM, "value", within=36 * HOUR
        ),
    }
    keen = book.audiences["keen"]
    assert isinstance(keen, All)
    assert keen.parts[1] == All((Test(views, Operator.GTE, 2), Test(views, Operator.LT, 8)))


def test_distances(book: Book) -> None:
    """Near is at most so many kilometres from a place of the book or of its own."""
    assert book.derived.distances == {
        "distance to 1.5,-2.0 km": Distance("distance to 1.5,-2.0 km", 1.5, -2.0),
        "distance to store km": Distance("distance to store km", 48.85, 2.35),
    }
    assert book.audiences["close"] == Any_(
        (
            Test("distance to store km", Operator.LTE, 30),
            Test("distance to 1.5,-2.0 km", Operator.LTE, 0.5),
        )
    )


def test_events_and_exposed_attributes(book: Book) -> None:
    """The book states how events are kept, and has the exposed attributes with their types."""
    assert book.events == EventStore(True, 200, 30 * DAY)
    assert book.attributes["pattern.left-in-cart.value"] == Attribute(
        "pattern.left-in-cart.value", AttributeType.NUMBER
    )
    assert book.attributes["signal.cart-abandoned.item"].type is AttributeType.TEXT
    by_type = b"events: {stored: true, newest: {view: 5, buy: 200, default: 20}}"
    named = load_files({"rich.yaml": RICH, "events.yaml": by_type}).book
    assert named is not None
    assert named.events == EventStore(True, 20, 90 * DAY, {"buy": 200, "view": 5})
    assert [named.events.most(event) for event in ("view", "buy", "other")] == [5, 200, 20]
    plain = load_files({"rich.yaml": RICH}).book
    assert plain is not None
    assert plain.events == EventStore(False, 500, 90 * DAY)


def test_lists_are_any_of(book: Book) -> None:
    """Of several signals, patterns or audiences one is enough."""
    when = book.campaigns["call-back"].when
    assert isinstance(when, All)
    assert (
        Any_(
            (
                Test("signal.cart-abandoned", Operator.EQ, True),
                Test("signal.complained", Operator.EQ, True),
            )
        )
        in when.parts
    )


def test_what_is_derived_is_what_conditions_test(book: Book) -> None:
    """The attributes that conditions name are those derived from events, so the condition holds."""
    compiled = compile_book(book)
    now = 20_000 * DAY
    events = [Event("", "product_view", now - DAY, {"category": "cream", "value": 4 + i}) for i in range(3)]
    events += [Event("", "purchase", now - HOUR, {"value": 101.0})]
    keen = book.audiences["keen"]
    names = closure(book.derived, attributes_of(keen) | compiled.referenced)
    values = derivation(book.derived, names, book.timezone).derive({}, events, now)
    assert holds(keen, values, compiled.moment(now, {}))
    assert not holds(
        keen, derivation(book.derived, names, book.timezone).derive({}, [], now), compiled.moment(now, {})
    )


def test_sensitive_attributes_stay_masked_in_signals() -> None:
    """An attribute that a signal exposes is sensitive if its source is."""
    text = b"signals: {s: {when: {profile.age: 3}, hold: 1d, expose: {party: profile.party}}}"
    book = load_files({"rich.yaml": RICH, "x.yaml": text}).book
    assert book is not None
    assert book.attributes["signal.s.party"].sensitive == "political"


def test_sensitive_attributes_do_not_stand_in_content() -> None:
    """Content is logged, so that even a lawful basis does not help."""
    text = 'offers: {o: {name: O, content: {default: {t: "{profile.party|x}"}}}}'
    assert codes(text) == [Code.SENSITIVE]


@pytest.mark.parametrize(
    ("section", "entry", "most"),
    [
        ("patterns", "{first: {event: x}}", 200),
        ("signals", "{when: {profile.age: 3}}", 2_000),
    ],
)
def test_limits(section: str, entry: str, most: int) -> None:
    """A book has at most this number of entries."""
    entries = [f"n{number}: {entry}" for number in range(most + 1)]
    assert codes(f"{section}: {{{', '.join(entries[:-1])}}}") == []
    assert codes(f"{section}: {{{', '.join(entries)}}}") == [Code.TOO_LARGE]


def test_long_cycles_and_chains_are_soon_answered() -> None:
    """Two thousand signals in a row load; in a circle they are one error."""
    links = ", ".join(f"s{i}: {{when: {{signal: s{i + 1}}}}}" for i in range(1_999))
    assert codes(f"signals: {{{links}, s1999: {{when: {{profile.age: 3}}}}}}") == []
    assert codes(f"signals: {{{links}, s1999: {{when: {{signal: s0}}}}}}") == [Code.CYCLE]


def test_a_lost_file_explains_unknown_names() -> None:
    """When a file cannot be read, the patterns, signals and places that may be in it are not called unknown."""
    text = b"audiences: {a: {pattern: x, signal: y, near: {place: z, within_km: 1}, signal.q.r: 3}}"
    loaded = load_files({"rich.yaml": RICH, "x.yaml": text, "y.yaml": b"["})
    assert [
        diagnostic.code for diagnostic in loaded.diagnostics if diagnostic.severity is Severity.ERROR
    ] == [Code.SYNTAX]


def test_a_signal_of_too_many_alternatives_is_a_diagnostic() -> None:
    """Seven choices of two are 128 alternatives: an error at the condition, with a hint."""
    choices = ", ".join(f"{{any: [{{profile.age: {n}}}, {{profile.age: {n + 50}}}]}}" for n in range(1, 8))
    text = f"signals: {{big: {{when: {{all: [{choices}]}}}}}}\n"
    loaded = load_files({"rich.yaml": RICH, "x.yaml": text.encode()})
    (diagnostic,) = [entry for entry in loaded.diagnostics if entry.code is Code.TOO_LARGE]
    assert (diagnostic.file, diagnostic.line) == ("x.yaml", 1)
    assert "64 alternatives" in diagnostic.message
    assert "signal of its own" in diagnostic.hint


def test_a_condition_that_the_index_cannot_hold_is_noted() -> None:
    """A campaign's condition of 128 alternatives loads, and the note says how it is evaluated."""
    choices = ", ".join(f"{{any: [{{profile.age: {n}}}, {{profile.age: {n + 50}}}]}}" for n in range(1, 8))
    text = f"audiences: {{many: {{all: [{choices}]}}}}\n"
    use = b"campaigns: {wide: {offer: cream, channels: [sms], when: {audience: many}}}\n"
    loaded = load_files({"rich.yaml": RICH, "x.yaml": text.encode(), "y.yaml": use})
    notes = [(entry.file, entry.severity) for entry in loaded.diagnostics if entry.code is Code.TOO_LARGE]
    assert notes == [("y.yaml", Severity.NOTE)]
