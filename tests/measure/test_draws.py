"""The probabilities of what is shown, against the share of persons to whom it is shown."""

from collections import Counter
from pathlib import Path
from textwrap import dedent

import pytest

from engine.decide.answer import answer
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.experiments.learning import Given
from engine.decide.experiments.subjects import unit_id
from engine.decide.pressure.counters import NO_QUOTA_COUNTS
from engine.decide.select import select
from engine.ledger.commit.decision_rows import drawn_row
from engine.ledger.commit.replay import LoggedDecision, LoggedState
from engine.measure import draws
from engine.measure.draws import (
    Contents,
    DrawCells,
    LoggedStep,
    Shown,
    ShownShares,
    Undecidable,
    logged_shown,
)
from engine.measure.one_step import BookSide
from engine.model.customer import NOTHING_SAID
from engine.model.request import Request
from tests.books import compiled_book
from tests.measure.busy import NOW

PAGE = dedent("""
    book: {name: page, timezone: UTC, salt: s}
    channels: {web: {kind: inbound}}
    placements: {hero: {channel: web, max_offers: 2, fallback: brand}}
    holdouts: {nobody: {share: 10%}}
    offers:
      brand: {name: Brand, content: {default: {title: Us}}}
      tea: {name: Tea, value: 3}
      cake: {name: Cake, value: 2, content: {default: {title: Cake}}}
      pie: {name: Pie, content: {default: {title: Pie}}}
    campaigns:
      tea-time:
        offer: tea
        placements: [hero]
        ramp: {start: 30%, full_after: 200 conversions}
        variants:
          plain: {share: 3, content: {default: {title: Tea}}}
          warm: {share: 1, content: {default: {title: Hot tea}}}
      cake-time: {offer: cake, placements: [hero], control: 25%}
      pie-time: {offer: pie, placements: [hero]}
""")
PERSONS = 4_000


def request(person: int) -> Request:
    """A visit of the page."""
    return Request(f"p{person}", NOW, {}, placement="hero", max_offers=2)


def frequencies(compiled: CompiledBook) -> Counter[Shown]:
    """How many persons are shown what."""
    counts: Counter[Shown] = Counter()
    for number in range(PERSONS):
        evaluation = evaluate(compiled, request(number))
        counts[logged_shown(answer(evaluation, select(evaluation, (), f"p{number}"), "").offers)] += 1
    return counts


def state_of(request: Request) -> LoggedState:
    """Of a customer who had no contacts."""
    return LoggedState(
        history=(), counts=NO_QUOTA_COUNTS, person=request.customer, customer_state=NOTHING_SAID, conversions={},
        request=request, learned=Given({}, {}), masked=(),
    )  # fmt: skip


def shares(deciding: CompiledBook, other: CompiledBook, person: int = 0) -> tuple[ShownShares, ShownShares]:
    """The probabilities at a decision about a person, by either book."""
    side = BookSide(deciding, "the book that decided"), BookSide(other, "the book")
    evaluation = evaluate(deciding, request(person))
    selection = select(evaluation, (), f"p{person}")
    logged = LoggedDecision(answer(evaluation, selection, ""), 0, state_of(request(person)))
    first, second = (
        LoggedStep(book, book.evaluate(logged), logged, (), deciding, Contents(), {}, {}) for book in side
    )
    both = DrawCells(first.evaluation, second.evaluation)
    return first.shares(both), second.shares(both)


def test_probabilities_are_frequencies(tmp_path: Path) -> None:
    """Of a page with two offers, a holdout of both, a control, variants, a fallback, and a ramp that the other book widens."""
    deciding = compiled_book(tmp_path / "old", PAGE)
    wider = compiled_book(tmp_path / "new", PAGE.replace("30%", "60%"))
    for compiled, probabilities in zip((deciding, wider), shares(deciding, wider), strict=True):
        counts = frequencies(compiled)
        assert counts.keys() == probabilities.keys()
        assert sum(probabilities.values()) == pytest.approx(1)
        for shown, share in probabilities.items():
            error = (share * (1 - share) / PERSONS) ** 0.5
            assert abs(counts[shown] / PERSONS - share) < 4 * error, shown
    assert any(shown and not shown[0].campaign for shown in probabilities)


def test_a_decision_is_as_logged_whatever_its_language(tmp_path: Path) -> None:
    """Its unit has to be that of the log; the language may be another, and rows of earlier versions end before both."""
    book = PAGE.replace("control: 25%", "control: 25%, unit: profile.firm").replace("start: 30%", "start: 1%")
    compiled = compiled_book(tmp_path, f"{book}attributes: {{profile.firm: {{type: text}}}}\n")
    state = state_of(request(1)._replace(attributes={"profile.firm": "acme"}))
    side = BookSide(compiled, "the book")
    evaluation = evaluate(compiled, state.request)
    selection = select(evaluation, (), "p1")
    logged = LoggedDecision(answer(evaluation, selection, ""), 0, state)
    step = LoggedStep(side, side.evaluate(logged), logged, (), compiled, Contents(), {}, {})
    cake, pie = ([*drawn_row(evaluation, chosen.proposal)] for chosen in selection.chosen)
    assert (cake[3:], pie[3:]) == (["cake-time", "", unit_id("profile.firm", "acme")], ["pie-time", ""])
    assert step.is_as_logged([cake, pie])
    assert step.is_as_logged([cake[:2], pie[:4]])
    assert step.is_as_logged([[*cake[:4], "de", cake[5]], [*pie[:4], "de"]])
    assert not step.is_as_logged([[*cake[:5], unit_id("profile.firm", "other")], pie])
    assert not step.is_as_logged([cake, [*pie, cake[5]]])


def test_a_ramp_of_both_books_is_taken_as_it_is(tmp_path: Path) -> None:
    """Where the books open a campaign to the same persons, the person's own position counts."""
    deciding = compiled_book(tmp_path / "old", PAGE)
    other = compiled_book(tmp_path / "new", PAGE.replace("control: 25%", "control: 5%"))
    kinds = set()
    for person in range(20):
        probabilities, _ = shares(deciding, other, person)
        kinds.add(any(offer.campaign == "tea-time" for shown in probabilities for offer in shown))
        has_tea = {
            bool(shown) and any(offer.campaign == "tea-time" for offer in shown) for shown in probabilities
        }
        assert has_tea == ({False} if not max(has_tea) else {False, True})
        assert len(probabilities) == (5 if max(has_tea) else 3), probabilities
    assert kinds == {False, True}


def test_a_page_of_too_many_draws_is_undecidable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said so, and takes no time without end."""
    compiled = compiled_book(tmp_path, PAGE)
    monkeypatch.setattr(draws, "MOST_DRAWS", 5)
    with pytest.raises(Undecidable, match="outcomes of draws"):
        shares(compiled, compiled)
