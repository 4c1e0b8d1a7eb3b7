"""Scenarios that say what their customer was before: for pressure, and for campaigns that keep their draws."""

from collections.abc import Sequence

import pytest

from engine.decide.compiled import CompiledBook, compile_book
from engine.rulebook.load import load_files
from engine.rulebook.report.diagnostics import render
from engine.scenario.model import Result
from engine.scenario.play import play
from engine.scenario.read import load_scenario_files

BOOK = """
book: {name: before, timezone: Europe/Paris, salt: "2026"}
attributes:
  profile.phone: {type: text}
  profile.firm: {type: text}
channels:
  sms: {kind: outbound, address: profile.phone, consent: not_needed, on_silence: confirm}
offers:
  cream: {name: Cream, value: 12, content: {default: {text: A cream for you}}}
campaigns:
  cream:
    offer: cream
    channels: [sms]
    control: 50%
    sticky: true
    unit: profile.firm
    variants: {calm: {content: {default: {text: Calm}}}, bold: {share: 3, content: {default: {text: Bold}}}}
pressure: {caps: {weekly: {limit: 1, per: rolling 7d}}}
"""


@pytest.fixture(scope="module")
def compiled() -> CompiledBook:
    """A book with a sticky campaign."""
    loaded = load_files({"book.yaml": BOOK.encode()})
    assert loaded.book is not None, render(loaded.diagnostics)
    return compile_book(loaded.book)


def scenario(number: int, contacts: str, expect: str, firm: str = "") -> str:
    """The lines of a test."""
    profile = f'{{phone: "1"{firm and f", firm: {firm}"}}}'
    return f"""\
  - name: t{number} {firm} {expect.translate(str.maketrans("{}:[],", "      "))}
    now: 2026-03-10T12:00
    customer: {{customer: c{number}, profile: {profile}}}
    contacts: {contacts}
    expect: {expect}
"""


def played(tests: str, compiled: CompiledBook) -> Sequence[Result]:
    """The results of the tests."""
    read = load_scenario_files({"t.yaml": f"tests:\n{tests}".encode()}, compiled)
    assert not read.diagnostics, render(read.diagnostics)
    return play(compiled, read.scenarios)


@pytest.mark.parametrize("firm", ["", "acme"])
def test_what_the_customer_was_is_kept(compiled: CompiledBook, firm: str) -> None:
    """Whatever the hash says: treated or control, with the variant and the probability of the first contact."""
    tests = ""
    for number in range(4):
        first = "{campaign: cream, at: 2026-02-01T10:00, variant: calm}"
        later = "{campaign: cream, at: 2026-02-20T10:00, variant: bold, assigned: control}"
        tests += scenario(number, f"[{first}, {later}]", "{outcome: offer, variant: calm}", firm)
        kept = "[{campaign: cream, at: 2026-02-01T10:00, assigned: control}]"
        tests += scenario(10 + number, kept, "{outcome: control}", firm)
    assert [result.differences for result in played(tests, compiled)] == [()] * 8


def test_earlier_contacts_count_for_pressure(compiled: CompiledBook) -> None:
    """A shadow as well as a contact; until the window is over."""
    recent = "[{campaign: cream, at: 2026-03-08T12:00}]"
    shadow = "[{campaign: cream, at: 2026-03-08T12:00, channel: sms, assigned: control}]"
    blocked = "{outcome: blocked, by: weekly, next_allowed_at: 2026-03-15T12:00}"
    tests = scenario(1, recent, blocked) + scenario(2, shadow, blocked)
    assert [result.differences for result in played(tests, compiled)] == [(), ()]


@pytest.mark.parametrize(
    ("contact", "message"),
    [
        ("{campaign: craem, at: 2026-03-01T10:00}", "the book has no campaign 'craem'"),
        ("{campaign: cream, at: 2026-03-01T10:00, channel: smss}", "did you mean 'sms'?"),
        ("{campaign: cream, at: 2026-03-01T10:00, variant: clam}", "did you mean 'calm'?"),
        ("{campaign: cream, at: 2026-03-01T10:00, assigned: contrl}", "assigned"),
        ("{campaign: cream, at: soon}", "'soon'"),
        ("{campaign: cream}", "`at` is missing"),
        ("{campaign: cream, at: 2026-03-11T10:00}", "is not before the first decision"),
    ],
)
def test_names_and_values_that_the_book_does_not_have_are_reported(
    compiled: CompiledBook, contact: str, message: str
) -> None:
    """At their places, with what was probably meant."""
    read = load_scenario_files(
        {"t.yaml": f"tests:\n{scenario(1, f'[{contact}]', '{outcome: nothing}')}".encode()}, compiled
    )
    assert read.diagnostics
    assert message in render(read.diagnostics)
    assert all(diagnostic.line == 5 for diagnostic in read.diagnostics)
