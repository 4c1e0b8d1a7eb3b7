"""Which campaigns share a response."""

from engine.decide.compiled import CompiledBook
from engine.model.decision import Reason, ReasonCode
from engine.rulebook.load import load_files
from engine.rulebook.report.diagnostics import Severity
from tests.decide.arbitrate.shop import SHOP, compiled_book, shelf, taken


def campaigns(**lines: str) -> CompiledBook:
    """A compiled book with these campaigns on the shelf."""
    rows = [f"  {name}: {{placements: [shelf], {line}}}" for name, line in lines.items()]
    return compiled_book(SHOP, "\n".join(["campaigns:", *rows]))


def test_one_campaign_of_a_group() -> None:
    """The best of a group is offered, the others give way to it by name, and campaigns outside of the group join it."""
    compiled = campaigns(
        first="offer: cream, value: 9, group: care",
        second="offer: soap, value: 8, group: care",
        third="offer: pen, value: 7, group: desk",
        fourth="offer: pad, value: 6",
        fifth="offer: ink, value: 5, group: desk",
    )
    decision = shelf(compiled)
    assert taken(decision) == ["first", "third", "fourth"]
    candidate_outcomes = {outcome.campaign: outcome.reason for outcome in decision.candidate_outcomes}
    assert candidate_outcomes["second"] == Reason(ReasonCode.GROUP_TAKEN, "first")
    assert candidate_outcomes["fifth"] == Reason(ReasonCode.GROUP_TAKEN, "third")


def test_a_group_is_taken_by_who_goes_and_not_by_who_is_blocked() -> None:
    """A campaign without a fitting variant does not exclude others: the next of its group is offered."""
    compiled = campaigns(
        first="offer: cream, value: 9, group: care, variants: {v: {content: {default: {title: '{profile.name}'}}}}",
        second="offer: soap, value: 8, group: care",
    )
    assert taken(shelf(compiled)) == ["second"]
    assert taken(shelf(compiled, name="Ann")) == ["first"]


def test_at_most_so_many_of_a_category() -> None:
    """The third offer of a category is left out for the next one; offers without a category are not counted."""
    compiled = campaigns(
        a="offer: cream, value: 9",
        b="offer: soap, value: 8",
        c="offer: oil, value: 7",
        d="offer: pen, value: 6",
        e="offer: pad, value: 5",
        f="offer: ink, value: 4",
    )
    decision = shelf(compiled)
    assert taken(decision) == ["a", "b", "d", "e"]
    candidate_outcomes = {outcome.campaign: outcome.reason for outcome in decision.candidate_outcomes}
    assert candidate_outcomes["c"] == Reason(ReasonCode.CATEGORY_FULL, "skin")
    assert candidate_outcomes["f"] == Reason(ReasonCode.OUTRANKED, "e")


def test_an_offer_is_shown_once() -> None:
    """Of two campaigns for one offer the better is offered, and the other's reason names it."""
    compiled = campaigns(a="offer: pen, value: 9", b="offer: pad, value: 8", c="offer: pad, value: 7")
    decision = shelf(compiled)
    assert taken(decision) == ["a", "b"]
    assert decision.candidate_outcomes[2].reason == Reason(ReasonCode.OUTRANKED, "b")


def test_what_can_never_matter_is_a_warning() -> None:
    """A group of one, and a limit by category that the placement cannot reach, load with a warning."""
    loaded = load_files(
        {
            "shop.yaml": SHOP.encode(),
            "more.yaml": b"placements: {top: {channel: web, max_offers: 2, max_per_category: 2}}\n"
            b"campaigns: {a: {offer: pen, placements: [top], group: desk}, "
            b"b: {offer: pad, placements: [top], group: dsk}, c: {offer: ink, placements: [top], group: dsk}}",
        }
    )
    assert loaded.book is not None
    warnings = [
        diagnostic.message for diagnostic in loaded.diagnostics if diagnostic.severity is Severity.WARNING
    ]
    assert warnings == [
        "the placement shows 2 in all, so this never matters",
        "no other campaign is in the group 'desk'; did you mean 'dsk'?",
    ]
