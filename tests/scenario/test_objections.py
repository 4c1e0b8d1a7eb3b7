"""Scenarios whose customer objects to being profiled."""

import pytest

from engine.decide.compiled import CompiledBook
from engine.rulebook.report.diagnostics import render
from engine.scenario.coverage import Coverage
from engine.scenario.play import play
from engine.scenario.read import load_scenario_files
from tests.books import compiled_book

BOOK = """
book: {name: plain, timezone: Europe/Paris, salt: s}
attributes: {profile.phone: {type: text}, profile.city: {type: text}}
channels:
  sms: {kind: outbound, address: profile.phone, consent: news, on_silence: confirm}
  site: {kind: inbound}
placements: {hero: {channel: site, fallback: tea}}
offers:
  cream: {name: Cream, value: 5, content: {default: {text: Cream}}}
  tea: {name: Tea, value: 1, content: {default: {text: Tea}}}
campaigns:
  lyon: {offer: cream, channels: [sms], placements: [hero], when: {profile.city: Lyon}}
  plain: {offer: tea, channels: [sms], personalised: false}
"""

SCENARIOS = """
customers:
  ann: {profile: {phone: "1", city: Lyon}, consents: [news]}
  bob: {profile: {phone: "1", city: Lyon}, consents: [news], objections: [news], aliases: [device]}
tests:
  - {name: whoever says nothing is profiled, now: 2026-03-10T10:00, customer: ann, expect: {campaign: lyon}}
  - name: a purpose is that of the channels that need it
    now: 2026-03-10T10:00
    customer: bob
    expect: {campaign: plain, reasons: objected sms}
  - {name: and of no others, now: 2026-03-10T10:00, customer: bob, placement: hero, expect: {campaign: lyon}}
  - name: of everything, beside what the customer objects to already
    now: 2026-03-10T10:00
    customer: bob
    placement: hero
    objections: ["*"]
    expect: {outcome: fallback, reasons: objected site}
  - name: of one channel
    now: 2026-03-10T10:00
    customer: ann
    objections: ["channel:sms", "channel:sms"]
    expect: {campaign: plain}
  - name: it holds under all names, and no agreement ends it
    customer: ann
    objections: [news]
    story:
      - {at: 2026-03-10T10:00, link: other}
      - {at: 2026-03-11T10:00, record: [{type: subscribed, channel: sms}]}
      - {at: 2026-03-12T10:00, as: other, decide: {}, expect: {campaign: plain}}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> CompiledBook:
    """A book with a campaign for everybody alike."""
    return compiled_book(tmp_path_factory.mktemp("objections") / "book", BOOK)


def test_who_objects_gets_what_is_not_personalised(compiled: CompiledBook) -> None:
    """As the server would decide: for a purpose, everything or one channel, of a customer and of a test, in stories too."""
    read = load_scenario_files({"tests/a.yaml": SCENARIOS.encode()}, compiled)
    assert read.diagnostics == (), render(read.diagnostics)
    coverage = Coverage(compiled)
    results = play(compiled, read.scenarios, coverage=coverage)
    assert [(result.scenario.name, result.differences) for result in results if not result.ok] == []
    assert [item.text for item in coverage.missing if item.kind == "campaign"] == []


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("[nwes]", "the book has no purpose 'nwes'"),
        ("['channel:fax']", "the book has no purpose 'channel:fax'"),
        ("[sms]", "the book has no purpose 'sms'"),
        ("news", "list"),
        ("[1]", "text"),
        ("{news: true}", "list"),
    ],
)
@pytest.mark.parametrize("of", ["test", "customer"])
def test_what_is_no_objection_is_a_mistake(
    compiled: CompiledBook, written: str, message: str, of: str
) -> None:
    """A purpose that the book does not name, and what is no list of texts, is reported at its place, once."""
    own = f", objections: {written}"
    customer = f"{{profile: {{phone: '1'}}{own if of == 'customer' else ''}}}"
    test = f"  - {{name: t, now: 2026-03-10T10:00, customer: ann, expect: {{score: 1}}{own if of == 'test' else ''}}}\n"
    text = f"customers:\n  ann: {customer}\ntests:\n{test}"
    read = load_scenario_files({"tests/a.yaml": text.encode()}, compiled)
    assert len(read.diagnostics) == 1, render(read.diagnostics)
    assert message in read.diagnostics[0].message
    assert read.diagnostics[0].line == (2 if of == "customer" else 4)
