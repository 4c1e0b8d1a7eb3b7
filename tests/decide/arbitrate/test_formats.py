"""Values in texts, in the customer's language, and the language that they get."""

from datetime import date

import orjson
import pytest

from engine.decide.answer import answer
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.select import select
from engine.ledger.commit.decision_rows import decision_row
from engine.ledger.store.rows import DecisionRow
from engine.measure.replay import ReplayResult, replay
from engine.model.customer import NOTHING_SAID
from engine.model.decision import Outcome
from engine.model.request import Request
from engine.model.values import Value
from tests.decide.arbitrate.shop import NOW, compiled_book, decided

BOOK = """
book: {name: formats, timezone: Europe/Zurich, locale: en}
attributes:
  profile.name: {type: text}
  profile.points: {type: integer}
  profile.share: {type: number}
  profile.ends: {type: date}
  profile.phone: {type: text}
channels:
  web: {kind: inbound}
  sms: {kind: outbound, address: profile.phone, consent: not_needed}
placements: {hero: {channel: web, fallback: pass}}
offers:
  pass:
    name: Pass
    price: 1234.5
    content: {default: {title: "Only {offer.price:money EUR}", bare: "{offer.price}"}}
  cheap: {name: Cheap}
campaigns:
  passes:
    offer: pass
    channels: [web, sms]
    variants:
      only:
        content:
          default:
            points: "{profile.points:number|no} points"
            ends: "Until {profile.ends:date long|further notice}"
            price: "{offer.price:money CHF}"
            link: "<a href='/?n={profile.name:url|}'>{profile.name|you}</a>"
            share: "{profile.share:percent 1|none}"
          sms: {text: "{profile.points:number|no}, {offer.price:money EUR}"}
        locales:
          fr:
            default: {ends: "Jusqu'au {profile.ends:date long|dernier jour}"}
            sms: {text: "{profile.points:number|0} pts, {offer.price:money EUR}"}
          zh-CN: {default: {ends: "{profile.ends:date long|随时}"}, sms: {text: "{profile.points:number|0}分"}}
  cheaper:
    offer: cheap
    channels: [sms]
    when: {profile.name: cheap}
    tier: 1
    variants: {only: {content: {default: {text: "{offer.price:money EUR|free}"}}}}
"""
ANN: dict[str, Value] = {
    "profile.name": "Zoë & <Co>",
    "profile.points": 12345,
    "profile.ends": date(2026, 3, 1),
    "profile.share": 0.125,
    "profile.phone": "1",
}


@pytest.fixture(scope="module")
def compiled() -> CompiledBook:
    """The book of these tests."""
    return compiled_book(BOOK)


def shown(compiled: CompiledBook, on: str = "web", /, **profile: Value) -> dict[str, str]:
    """The content that Ann gets on the channel."""
    given = ANN | {f"profile.{name}": value for name, value in profile.items()}
    return dict(decided(compiled, Request("ann", NOW, given, channels=(on,))).offers[0].content)


def test_values_are_written_in_the_language_of_the_text(compiled: CompiledBook) -> None:
    """Numbers, dates, money and percentages; links percent-encoded, and all of it escaped in HTML."""
    assert shown(compiled) == {
        "points": "12,345 points",
        "ends": "Until March 1, 2026",
        "price": "CHF1,234.50",
        "link": "<a href='/?n=Zo%C3%AB%20%26%20%3CCo%3E'>Zoë &amp; &lt;Co&gt;</a>",
        "share": "12.5%",
    }
    assert shown(compiled, language="fr")["ends"] == "Jusqu'au 1 mars 2026"
    assert shown(compiled, language="fr")["points"] == "12\u202f345 points"
    assert shown(compiled, language="zh-Hans-SG")["ends"] == "2026年3月1日"


def test_the_customers_own_region_decides_how_values_are_written(compiled: CompiledBook) -> None:
    """If the text is in their language; a text in another language has its own."""
    assert shown(compiled, language="en-GB")["ends"] == "Until 1 March 2026"
    assert shown(compiled, language="fr-CH")["price"] == "1&#x27;234,50\u00a0CHF"
    assert shown(compiled, language="de-CH")["ends"] == "Until March 1, 2026"


def test_fallbacks_stand_as_they_are_written(compiled: CompiledBook) -> None:
    """Unformatted, for missing and for blank values; an offer without a price has the fallback."""
    given: dict[str, Value] = {"profile.phone": "1", "profile.name": " "}
    content = decided(compiled, Request("bob", NOW, given, channels=("web",))).offers[0].content
    assert content["points"] == "no points"
    assert content["ends"] == "Until further notice"
    assert content["link"] == "<a href='/?n='>you</a>"
    assert shown(compiled, "sms", name="cheap") == {"text": "free"}


def test_short_messages_keep_the_gsm_alphabet(compiled: CompiledBook) -> None:
    """No-break spaces of formats become blanks there, and only there."""
    assert shown(compiled, "sms", language="fr") == {"text": "12 345 pts, 1 234,50 €"}


def test_a_fallback_of_a_placement_shows_its_price() -> None:
    """The offer's own content has the price of that offer."""
    compiled = compiled_book(BOOK.partition("campaigns:")[0])
    decision = decided(compiled, Request("ann", NOW, {"profile.language": "de"}, placement="hero"))
    assert decision.outcome is Outcome.FALLBACK
    assert decision.offers[0].content == {"title": "Only €1,234.50", "bare": "1234.5"}


@pytest.mark.parametrize(
    ("profile", "begins"),
    [
        ({"languages": ("pl", "fr-CA", "en")}, "Jusqu'au"),
        ({"languages": ("en", "fr")}, "Until"),
        ({"language": "zh", "languages": ("fr",)}, "2026"),
        ({"language": "pl", "languages": ("fr",)}, "Jusqu'au"),
        ({"accept_language": "pl, fr;q=0.5, en;q=0.4"}, "Jusqu'au"),
        ({"accept_language": "fr;q=0, zh-Hans;q=0.1"}, "2026"),
        ({"languages": ("pl",), "accept_language": "fr"}, "Jusqu'au"),
        ({"accept_language": "pl, *"}, "Until"),
        ({"languages": ()}, "Until"),
    ],
)
def test_the_first_language_that_there_is(
    compiled: CompiledBook, profile: dict[str, Value], begins: str
) -> None:
    """profile.language, then profile.languages, then profile.accept_language; the book's own language is one of them."""
    assert shown(compiled, **profile)["ends"].startswith(begins)


def logged(compiled: CompiledBook, **profile: Value) -> DecisionRow:
    """The row of Ann's decision."""
    given = ANN | {f"profile.{name}": value for name, value in profile.items()}
    evaluation = evaluate(compiled, Request("ann", NOW, given, channels=("web",)))
    selection = select(evaluation, (), "ann")
    return decision_row(evaluation, "ann", answer(evaluation, selection, "d-1"), selection, NOTHING_SAID)


def test_the_language_is_logged_and_replayed(compiled: CompiledBook) -> None:
    """The tag as the book writes it, and the version of CLDR; made again the row is equal byte by byte."""
    row = logged(compiled, language="zh-Hans-SG")
    assert [variant[4] for variant in orjson.loads(row.trace)["variants"]] == ["zh-CN"]
    assert orjson.loads(row.inputs)["cldr"] == compiled.cldr != ""
    assert replay(row, compiled).result is ReplayResult.EQUAL


def test_an_earlier_row_is_replayed_by_the_rule_of_its_time(compiled: CompiledBook) -> None:
    """Then zh-Hans-SG was shortened until there was content for it, and got the book's language."""
    row = logged(compiled, language="zh-Hans-SG")
    inputs, trace = orjson.loads(row.inputs), orjson.loads(row.trace)
    del inputs["cldr"]
    trace["variants"] = [variant[:4] for variant in trace["variants"]]
    english = logged(compiled, language="en").answer
    earlier = row._replace(
        inputs=orjson.dumps(inputs).decode(), trace=orjson.dumps(trace).decode(), answer=english
    )
    assert replay(earlier, compiled).result is ReplayResult.EQUAL
    assert replay(earlier._replace(answer=row.answer), compiled).result is ReplayResult.DIFFERENT


def test_texts_of_another_cldr_are_no_difference(compiled: CompiledBook) -> None:
    """Where texts alone differ and were written by other data; anything else that differs is a difference still."""
    row = logged(compiled, language="fr")
    inputs = orjson.dumps(orjson.loads(row.inputs) | {"cldr": "1"}).decode()
    other = row._replace(inputs=inputs, answer=row.answer.replace("1 mars", "1er mars"))
    replayed = replay(other, compiled)
    assert (replayed.result, replayed.reason) == (
        ReplayResult.NOT_REPLAYABLE,
        f"its texts were written by CLDR 1, and this program has CLDR {compiled.cldr}",
    )
    worse = other._replace(answer=other.answer.replace('"only"', '"other"'))
    assert replay(worse, compiled).result is ReplayResult.DIFFERENT
