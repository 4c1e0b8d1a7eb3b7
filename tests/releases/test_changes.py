"""Publishing, approving, activating, staging and rolling back, on both stores."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.v1 import rulebooks_pb2 as pb
from engine.ledger.commit.books import KeepBookCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.store.open import open_store
from engine.ledger.store.release_rows import ActivationRow
from engine.releases import (
    LogDesk,
    NotApproved,
    NotPublished,
    NotReleasable,
    Overtaken,
    OwnApproval,
    ReleaseRefused,
)
from engine.releases.standing import live_before
from engine.rulebook.load import load_files
from engine.wire.violations import InvalidMessage
from tests.logs import Log
from tests.releases.books import BOOK, SCENARIO, edition, publishing

Desk = Callable[..., LogDesk]


@pytest.fixture
def desk(any_log: Log) -> Desk:
    """Desks of one log, for whoever acts."""
    return lambda actor="ann", approvals=0: LogDesk(any_log.url, actor, approvals)


def published(desk: LogDesk, number: int = 0) -> str:
    """The version of an edition that is published."""
    return desk.publish(publishing(edition(number))).release.version


def activated(desk: LogDesk, version: str, **fields: Any) -> pb.Activation:
    """The activation of the version."""
    return desk.activate(pb.ActivateRequest(version=version, **fields)).activation


def live(desk: LogDesk) -> str:
    """The version that is live."""
    return desk.get(pb.GetRequest(name="spring")).release.version


def approve(
    desk: LogDesk, version: str, verdict: "pb.ReleaseVerdict" = pb.RELEASE_VERDICT_APPROVED
) -> pb.Release:
    """The version after somebody said something of it."""
    return desk.approve(pb.ApproveRequest(version=version, verdict=verdict)).release


def test_a_version_is_kept_as_it_was_published(desk: Desk) -> None:
    """With its files, scenarios included, who published it, and where it comes from."""
    request = publishing(note="a first book")
    request.source.commit = "abc123"
    response = desk().publish(request)
    release, again = response.release, desk().get(pb.GetRequest(version=response.release.version[:6]))
    assert response.is_new
    assert (release.name, release.author, release.note, release.state) == (
        "spring",
        "ann",
        "a first book",
        "published",
    )
    assert (release.scenarios, release.source.commit, release.base) == (1, "abc123", "")
    assert {file.name: file.content.decode() for file in again.files} == {
        "book.yaml": BOOK,
        "tests/ann.yaml": SCENARIO,
    }
    assert again.release == release


@pytest.mark.parametrize(
    ("book", "scenario", "field", "sentence"),
    [
        (BOOK.replace("gte", "gtr"), SCENARIO, "book.yaml:9:64", "there is no operator 'gtr'"),
        ("book: {name: spring", SCENARIO, "book.yaml:1:", ""),
        (BOOK, SCENARIO.replace("adults", "minors"), "tests/ann.yaml:3", "expected minors, got adults"),
        (BOOK, SCENARIO.replace("customer: ann", "customer: bob"), "tests/ann.yaml:3:", "no customer 'bob'"),
        ("a: &a [*a, *a]", SCENARIO, "book.yaml:1:", ""),
    ],
)
def test_a_broken_draft_is_refused_with_its_places(
    desk: Desk, book: str, scenario: str, field: str, sentence: str
) -> None:
    """All that is wrong at once; nothing is kept."""
    with pytest.raises(InvalidMessage) as caught:
        desk().publish(publishing(book, scenario=scenario))
    violations = caught.value.violations
    assert any(item.field.startswith(field) and sentence in item.description for item in violations)
    listed = desk().list(pb.ListRequest(audit=True))
    assert listed.names == []
    assert [(entry.action, entry.result) for entry in listed.audit] == [("publish", "refused")]
    assert listed.audit[0].note.startswith(violations[0].field)


def test_the_first_text_of_a_version_stays(desk: Desk) -> None:
    """Comments and scenarios do not make a version: who publishes others is told so."""
    first = desk().publish(publishing())
    again = desk("bob").publish(publishing(f"# a comment\n{BOOK}"))
    assert (again.is_new, again.release.version, again.release.author) == (
        False,
        first.release.version,
        "ann",
    )
    assert "other comments or scenarios: those stay" in again.warnings[0]
    assert not desk("bob").publish(publishing()).warnings
    kept = desk().get(pb.GetRequest(version=first.release.version))
    assert BOOK.encode() in [file.content for file in kept.files]


def test_a_version_that_a_server_kept_is_published_with_its_text(desk: Desk, any_log: Log) -> None:
    """A warning says that the comments are those of the served one."""
    commented = f"# as served\n{BOOK}"
    book = load_files({"book.yaml": commented.encode()}).book
    assert book is not None
    store = open_store(any_log.url)
    commit_group(store, [KeepBookCommand(book, 1)])
    store.close()
    response = desk().publish(publishing())
    assert response.is_new
    assert "a server served it" in response.warnings[0]
    assert commented.encode() in [
        file.content for file in desk().get(pb.GetRequest(version=response.release.version)).files
    ]


def test_nothing_is_live_until_a_version_is_activated(desk: Desk) -> None:
    """And then that one; saying so again changes nothing."""
    version = published(desk())
    with pytest.raises(NotPublished, match="nothing is live under 'spring'"):
        live(desk())
    assert activated(desk(), version[:8]).version == version
    assert not desk().activate(pb.ActivateRequest(version=version)).is_new
    assert live(desk()) == version
    assert len(desk().list(pb.ListRequest()).activations) == 1


def test_whom_another_overtook_is_told_by_whom(desk: Desk) -> None:
    """The version was made when another was live: it reverts nobody. Whoever looked again may say so."""
    first = published(desk())
    activated(desk(), first)
    mine, other = published(desk(), 1), published(desk("bob"), 2)
    activated(desk("bob"), other, note="cheaper cream")
    with pytest.raises(Overtaken, match=rf"bob came between: {other[:12]} is live .*\(cheaper cream\)"):
        activated(desk(), mine)
    with pytest.raises(Overtaken, match="bob came between"):
        activated(desk(), mine, expected=first)
    with pytest.raises(Overtaken, match="bob came between"):
        activated(desk(), mine, expected="")
    assert live(desk()) == other
    assert activated(desk(), mine, expected=other[:8]).previous == other


def test_approvals_are_of_a_hash_and_of_others(desk: Desk) -> None:
    """The author's own is refused; an edit is another version without any."""
    version, edited = published(desk()), published(desk(), 1)
    with pytest.raises(OwnApproval, match="somebody else has to approve it"):
        approve(desk(), version)
    with pytest.raises(NotApproved, match="has 0 of 2 approvals"):
        activated(desk(approvals=2), version)
    approve(desk("bob"), version)
    approve(desk("bob"), version)
    with pytest.raises(NotApproved, match=r"has 1 of 2 approvals \(bob\)"):
        activated(desk(approvals=2), version)
    assert [said.approver for said in approve(desk("eve"), version).approvals] == ["bob", "bob", "eve"]
    assert activated(desk(approvals=2), version).version == version
    with pytest.raises(NotApproved):
        activated(desk(approvals=1), edited, expected=version)
    with pytest.raises(NotPublished, match="names the whole hash"):
        approve(desk("bob"), edited[:12])


def test_a_rejection_holds_a_version_back_until_it_is_taken_back(desk: Desk) -> None:
    """The last word of each counts."""
    version = published(desk())
    approve(desk("bob"), version)
    approve(desk("eve"), version, pb.RELEASE_VERDICT_REJECTED)
    with pytest.raises(NotApproved, match="eve rejected"):
        activated(desk(approvals=1), version)
    approve(desk("eve"), version)
    assert activated(desk(approvals=2), version).version == version


def test_an_emergency_goes_without_approvals_and_is_seen(desk: Desk) -> None:
    """It needs a note, which is in the audit."""
    version = published(desk())
    with pytest.raises(NotReleasable, match="needs a note"):
        activated(desk(approvals=1), version, emergency=True)
    assert activated(desk(approvals=1), version, emergency=True, note="the cream burns").emergency
    entry = desk().list(pb.ListRequest(audit=True)).audit[0]
    assert (entry.action, entry.result, entry.note, entry.actor, entry.via) == (
        *("activate", "done", "emergency: the cream burns"),
        *("ann", "log"),
    )


def test_a_stage_is_beside_the_live_version(desk: Desk) -> None:
    """It grows, keeps its persons by its salt, holds other versions off, and ends when it is activated."""
    first, second, third = published(desk()), published(desk(), 1), published(desk(), 2)
    with pytest.raises(NotReleasable, match="nothing is live under 'spring'"):
        desk().stage(pb.StageRequest(version=second, share=0.05))
    activated(desk(), first)
    with pytest.raises(NotReleasable, match="is live already"):
        desk().stage(pb.StageRequest(version=first, share=0.05, expected=first))
    second, third = published(desk(), 3), published(desk(), 4)
    desk().stage(pb.StageRequest(version=second, share=0.05))
    row = desk().stage(pb.StageRequest(version=second, share=0.5)).activation
    assert (row.version, row.previous, row.action, row.share, live(desk())) == (
        second,
        first,
        "stage",
        0.5,
        first,
    )
    with pytest.raises(NotReleasable, match="is staged for 50 % of the persons by ann"):
        activated(desk(), third)
    assert [release.state for release in desk().list(pb.ListRequest()).releases].count("staged") == 1
    assert activated(desk(), second).previous == first
    assert live(desk()) == second


@pytest.mark.parametrize("share", [0, 1, -0.1, 5, float("nan")])
def test_a_share_is_between_none_and_all(desk: Desk, share: float) -> None:
    """Everything else is refused."""
    with pytest.raises(InvalidMessage, match="share: is above 0 and below 1"):
        desk().stage(pb.StageRequest(version="abcdef", share=share))


def test_rollbacks_lead_back_step_by_step(desk: Desk) -> None:
    """First out of a stage, then from version to version, and not back to what was taken back; no approvals are needed."""
    versions = [published(desk(), number) for number in range(3)]
    activated(desk(), versions[0], expected="")
    for before, version in itertools.pairwise(versions):
        activated(desk(), version, expected=before)
    staged = published(desk(), 3)
    desk().stage(pb.StageRequest(version=staged, share=0.1))
    back = [desk(approvals=5).rollback(pb.RollbackRequest(name="spring")).activation for _ in range(3)]
    assert [(row.action, row.version) for row in back] == [
        ("unstage", versions[2]),
        ("rollback", versions[1]),
        ("rollback", versions[0]),
    ]
    with pytest.raises(NotReleasable, match="is the first version of 'spring'"):
        desk().rollback(pb.RollbackRequest(name="spring"))
    row = desk().rollback(pb.RollbackRequest(name="spring", version=versions[2])).activation
    assert (row.version, live(desk())) == (versions[2], versions[2])
    with pytest.raises(NotReleasable, match="was never live"):
        desk().rollback(pb.RollbackRequest(name="spring", version=staged))
    with pytest.raises(Overtaken, match="came between"):
        desk().rollback(pb.RollbackRequest(name="spring", expected=versions[0]))


def test_an_earlier_version_is_activated_knowingly(desk: Desk) -> None:
    """It has no approvals to wait for, but says what it replaces."""
    first = published(desk())
    activated(desk(), first)
    second = published(desk(), 1)
    activated(desk(), second)
    with pytest.raises(NotReleasable, match="was live before: roll back"):
        activated(desk(), first)
    assert activated(desk(approvals=3), first, expected=second).version == first


@pytest.mark.parametrize(
    ("refused", "error", "sentence"),
    [
        (lambda desk: activated(desk, "0" * 64), NotPublished, "no version '0000"),
        (lambda desk: activated(desk, "abc"), NotPublished, "is published"),
        (
            lambda desk: desk.rollback(pb.RollbackRequest(name="autumn")),
            NotPublished,
            "books that are published: spring",
        ),
        (lambda desk: desk.get(pb.GetRequest(version="0" * 10)), NotPublished, "tact versions"),
        (lambda desk: desk.list(pb.ListRequest(name="autumn")), NotPublished, "there are spring"),
        (lambda desk: desk.rollback(pb.RollbackRequest()), InvalidMessage, "name: is required"),
        (lambda desk: activated(desk, ""), InvalidMessage, "version: is required"),
        (lambda desk: activated(desk, "v\x00"), InvalidMessage, "version: is printable"),
        (
            lambda desk: activated(desk, "abcdef", note="n" * 2001),
            InvalidMessage,
            "note: a note has at most 2,000",
        ),
        (lambda desk: activated(desk, "abcdef", note="\x1b[2J"), InvalidMessage, "note: a note is printable"),
        (
            lambda desk: desk.approve(pb.ApproveRequest(version="a")),
            InvalidMessage,
            "verdict: is RELEASE_VERDICT",
        ),
        (lambda desk: desk.list(pb.ListRequest(most=1001)), InvalidMessage, "most: is at most 1,000"),
        (lambda desk: desk.diff(pb.DiffRequest(old="abcdef")), InvalidMessage, "new: is required"),
    ],
)
def test_what_is_not_there_is_said(
    desk: Desk, refused: Callable[[LogDesk], object], error: type[Exception], sentence: str
) -> None:
    """In a sentence; the live version stays."""
    version = published(desk())
    activated(desk(), version)
    with pytest.raises(error, match=sentence):
        refused(desk())
    assert live(desk()) == version


def test_a_version_of_another_book_is_not_activated(desk: Desk) -> None:
    """Where the name was said."""
    version = published(desk())
    with pytest.raises(NotReleasable, match="is of the book 'spring', not 'autumn'"):
        activated(desk(), version, name="autumn")


def test_the_audit_has_what_was_done_and_what_was_refused(desk: Desk) -> None:
    """Each with who, by which way, and why."""
    version = published(desk())
    with pytest.raises(OwnApproval):
        approve(desk(), version)
    approve(desk("bob"), version)
    with pytest.raises(ReleaseRefused):
        activated(desk("bob"), version, expected="abcdef")
    activated(desk("bob"), version, note="go")
    audit = desk().list(pb.ListRequest(audit=True)).audit
    assert [(entry.actor, entry.action, entry.result) for entry in reversed(audit)] == [
        ("ann", "publish", "done"),
        ("ann", "approve", "refused"),
        ("bob", "approve", "done"),
        ("bob", "activate", "refused"),
        ("bob", "activate", "done"),
    ]
    assert audit[0].note == "go"
    assert "abcdef was expected to be" in audit[1].note


def test_two_versions_are_compared_by_names_and_lines(desk: Desk) -> None:
    """What came, went and changed."""
    old = published(desk())
    text = BOOK.replace("value: 10", "value: 12").replace("  minors:", "  young:")
    new = desk().publish(publishing(text)).release.version
    difference = desk().diff(pb.DiffRequest(old=old, new=new))
    assert [(change.section, change.name, change.change) for change in difference.names] == [
        ("campaigns", "minors", "removed"),
        ("campaigns", "young", "added"),
        ("offers", "cream", "changed"),
    ]
    assert "+  cream: {name: Cream, value: 12, content: {default: {text: A cream}}}" in difference.lines
    assert not difference.cut


@given(st.lists(st.booleans(), max_size=30))
def test_rollbacks_are_as_if_what_they_took_back_had_never_been(steps: list[bool]) -> None:
    """Whatever was activated and taken back before: a stack, of which the first version stays."""
    stack, rows = ["v0"], [row_of("v0", "activate")]
    for number, activates in enumerate(steps, start=1):
        before = live_before(rows)
        assert before == (stack[-2] if len(stack) > 1 else "")
        if activates:
            stack.append(f"v{number}")
            rows.insert(0, row_of(stack[-1], "activate"))
        elif before:
            stack.pop()
            rows.insert(0, row_of(before, "rollback"))


def row_of(version: str, action: str) -> ActivationRow:
    """An activation, of which only the version and the action matter."""
    return ActivationRow(1, "spring", version, "", action, None, None, 1, "ann", "", emergency=False)
