"""An erased person is in no table any more, and what counts for others stays as it was."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.experiments.subjects import unit_id
from engine.engine import Engine
from engine.explain.books import Books
from engine.ledger.commit.events import RecordCommand, RecordResult
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.errors import PersonErased, RequestIdTaken
from engine.ledger.ledger import Ledger
from engine.ledger.queries.suppressions import is_erased
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import METADATA, EventRow, IdentityRow, OutcomeRow
from engine.ledger.store.tables import table_of
from engine.measure.replay import ReplayResult, replay_log
from engine.model.decision import Outcome
from engine.model.event import Event
from engine.model.instant import DAY, SECOND, Instant
from engine.model.request import Request
from engine.privacy.coverage import SECTIONS, ErasedForm
from engine.privacy.erasure import EraseCommand, Receipt
from engine.privacy.record import PersonReader, read_person
from tests.logs import Log
from tests.privacy.kit import BOB, DEVICE, LI_NA, NOW, decided, filled

ERASED_AT = NOW + 10 * DAY


class Filled:
    """A log that holds something in every table, and the book that decided."""

    def __init__(self, log: Log, compiled: CompiledBook) -> None:
        self.log, self.compiled = log, compiled


@pytest.fixture
def held(any_log: Log, tmp_path: Path) -> Filled:
    """A log of Li Na, by two names, and of Bob."""
    return Filled(any_log, asyncio.run(filled(any_log, tmp_path)))


def erased(log: Log, name: str, at: Instant = ERASED_AT) -> Receipt:
    """The receipt of an erasure."""
    with closing(open_store(log.url)) as store:
        (receipt,) = commit_group(store, [EraseCommand(name, "ticket 1", "officer", "log", lambda: at)])
    assert isinstance(receipt, Receipt)
    return receipt


def whole(log: Log) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    return {name: sorted(log.rows(f"SELECT * FROM {name}"), key=repr) for name in METADATA.tables}


def rows_of(log: Log, row: type[Any]) -> list[Any]:
    """The rows of one table."""
    table = table_of(row)
    return [
        row(*values) for values in log.rows(f"SELECT {', '.join(table.columns.keys())} FROM {table.name}")
    ]


def texts(log: Log) -> str:
    """All that the tables hold, as one text."""
    return repr(whole(log))


def test_nothing_of_the_person_is_left_and_nothing_of_others_moves(held: Filled) -> None:
    """No name, value or id of hers is in any row; each row that is Bob's alone, and each counter, is as it was."""
    log = held.log
    before = whole(log)
    for secret in (
        LI_NA,
        DEVICE,
        "Sanya",
        f"home of {DEVICE}",
        "clicked-1",
        "stop-1",
        "call-1",
        "seen-by-device",
    ):
        assert secret in texts(log), secret
    receipt = erased(log, LI_NA)
    after = texts(log)
    for secret in (LI_NA, DEVICE, "clicked-1", "stop-1", "call-1", "seen-by-device"):
        held_in = [name for name, rows in whole(log).items() if secret in repr(rows)]
        assert held_in in ([], ["assignments"]), (secret, held_in)  # by a unit, which is not hers alone
    assert BOB in after
    now = whole(log)
    for name in (
        "counters",
        "holdings",
        "trials",
        "arms",
        "learned",
        "prices",
        "trend_cells",
        "presend_runs",
        "books",
    ):
        assert now[name] == before[name], name
    for name in (
        "decisions",
        "contacts",
        "outcomes",
        "events",
        "signals",
        "requests",
        "challenges",
        "consents",
    ):
        own = [row for row in before[name] if BOB in repr(row)]
        assert [row for row in now[name] if BOB in repr(row)] == own, name
        assert own or name in ("challenges", "outcomes", "consents"), name
    for name in ("decisions", "contacts", "outcomes", "challenges", "identities"):
        assert len(now[name]) == len(before[name]) >= receipt.erased.severed[name] > 0, name
    for name in ("events", "signals", "requests", "consents", "persons", "assignments"):
        gone = len(before[name]) - len(now[name])
        assert gone == receipt.erased.deleted.get(name, 0), name
    assert receipt.erased.runs == ["spring"]


def test_each_column_becomes_what_is_said_of_it(held: Filled) -> None:
    """Of each section that stays every column has its rule, and is what the rule says; the others have no rows left."""
    log, names = held.log, {LI_NA, DEVICE}
    before = {section.name: rows_of(log, section.row) for section in SECTIONS}
    erased(log, DEVICE)
    for section in SECTIONS:
        rows = rows_of(log, section.row)
        if section.erased is None:
            assert not [row for row in rows if names & set(map(str, row))], section.name
            continue
        assert section.erased.keys() == section.forms.keys(), section.name
        for column, form in section.erased.items():
            was = {getattr(row, column) for row in before[section.name]}
            values = [getattr(row, column) for row in rows]
            if form is ErasedForm.KEPT:
                assert set(values) == was, (section.name, column)
            elif form is ErasedForm.EMPTIED:
                assert {None, "", "{}"} & set(values), (section.name, column)
            elif was != {None}:
                assert set(values) != was, (section.name, column)
            assert not names & set(map(str, values)), (section.name, column)


def test_the_receipt_is_in_the_audit_and_names_nobody(held: Filled) -> None:
    """It says what was deleted and severed, the sends to be looked at, and where the request is filed."""
    receipt = erased(held.log, LI_NA)
    ((note, name),) = held.log.rows("SELECT note, name FROM audit WHERE action = 'person erase'")
    document = orjson.loads(note)
    assert document == {**receipt.document, "reference": "ticket 1"}
    assert document["deleted"]["requests"] > 0
    assert name.startswith("person:")
    assert LI_NA not in note


def test_erasing_again_finds_nothing(held: Filled) -> None:
    """It is idempotent, by every name, and of a stranger there is nothing either; each has its receipt."""
    erased(held.log, LI_NA)
    before = whole(held.log)
    for name in (LI_NA, DEVICE, "nobody", "li_n", "li_na2", "LI_NA", "%", "_____"):
        receipt = erased(held.log, name)
        assert (receipt.erased.deleted, receipt.erased.severed) == ({}, {}), name
    after = whole(held.log)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"audit", "suppressions"}


def test_an_erased_decision_cannot_be_made_again_and_is_still_counted(held: Filled) -> None:
    """Replay says that its person was erased; those of others are made again; what is held of her is nothing."""
    erased(held.log, LI_NA)
    with closing(open_store(held.log.url)) as store:
        replayed = list(replay_log(store, Books(store)))
        reasons = [own.reason for own in replayed if "erased" in (own.reason or "")]
        assert len(reasons) >= 4
        assert {own.result for own in replayed if own.reason not in reasons} <= {
            ReplayResult.EQUAL,
            ReplayResult.NOT_REPLAYABLE,
        }
        record = read_person(store, LI_NA, PersonReader("officer", "export"), ERASED_AT)
        assert record.is_empty


def acting(held: Filled, act: Any) -> Any:
    """What comes of something that is done by an engine on the log."""

    async def main() -> Any:
        ledger = Ledger(open_store(held.log.url))
        try:
            return await act(Engine(held.compiled, ledger), ledger)
        finally:
            ledger.close()

    return asyncio.run(main())


def test_a_withdrawn_consent_outlasts_the_erasure(held: Filled) -> None:
    """She comes again under either name and is not sent anything; what she agrees to later holds again. Bob is not touched."""
    erased(held.log, LI_NA)
    stayed = held.log.rows("SELECT count(*) FROM suppressions WHERE purpose <> ''")
    assert stayed[0][0] >= 2

    async def act(engine: Engine, ledger: Ledger) -> Any:
        agreed = Event("again-1", "subscribed", ERASED_AT + 2 * DAY)
        again = await decided(engine, DEVICE, ERASED_AT + DAY)
        linked = await ledger.commit(LinkCommand(("fresh", LI_NA), ERASED_AT + DAY))
        merged = await decided(engine, "fresh", ERASED_AT + DAY + SECOND)
        bob = await decided(engine, BOB, ERASED_AT + DAY)
        report = ReportCommand(held.compiled, DEVICE, "", agreed, ERASED_AT + 2 * DAY, channel="sms")
        await ledger.commit(report)
        return again, merged, linked, bob, await decided(engine, DEVICE, ERASED_AT + 3 * DAY)

    again, merged, _, bob, after = acting(held, act)
    assert (again.outcome, merged.outcome) == (Outcome.BLOCKED, Outcome.BLOCKED)
    assert [reason.code for reason in again.reasons] == ["no_consent"]
    assert bob.outcome is Outcome.OFFER
    assert after.outcome is Outcome.OFFER


def test_what_was_under_way_is_refused(held: Filled) -> None:
    """A decision, an event, an outcome and a link that arrived before the erasure and come after it keep nothing."""

    async def act(engine: Engine, ledger: Ledger) -> Any:
        receipt = ledger.commit(EraseCommand(LI_NA, "", "officer", "grpc", lambda: ERASED_AT))
        seen = Event("late-1", "viewed", NOW, {})
        late = [
            ledger.commit(RecordCommand(held.compiled, DEVICE, seen, ERASED_AT)),
            ledger.commit(LinkCommand((LI_NA, "new"), ERASED_AT - 1)),
            decided(engine, DEVICE, ERASED_AT),
            decided(engine, LI_NA, ERASED_AT - DAY),
        ]
        return await asyncio.gather(receipt, *late, return_exceptions=True)

    receipt, *late = acting(held, act)
    assert isinstance(receipt, Receipt)
    assert all(isinstance(result, PersonErased) for result in late), late
    assert LI_NA not in texts(held.log)
    assert "late-1" not in texts(held.log)


def test_commands_of_one_group_before_an_erasure_are_erased_with_it(held: Filled) -> None:
    """What is submitted with it and before it is committed first, in a transaction of its own, and then erased."""

    async def act(_: Engine, ledger: Ledger) -> Any:
        seen = Event("just-1", "viewed", ERASED_AT - 1, {})
        record = RecordCommand(held.compiled, LI_NA, seen, ERASED_AT - 1)
        erase = EraseCommand(LI_NA, "", "officer", "grpc", lambda: ERASED_AT)
        after = RecordCommand(held.compiled, BOB, seen, ERASED_AT + 1)
        return await ledger.commit_all([record, erase, after])

    recorded, receipt, after = acting(held, act)
    assert (recorded, after) == (RecordResult.ACCEPTED, RecordResult.ACCEPTED)
    assert receipt.erased.deleted["events"] == 2
    assert [row.person for row in rows_of(held.log, EventRow) if row.event_id == "just-1"] == [BOB]


def test_outcomes_that_come_later_keep_nothing_personal_and_are_known_again(held: Filled) -> None:
    """A report of an erased decision counts once, by hashed ids and without fields, whether it was there before or not."""
    ((decision_id,),) = held.log.rows("SELECT decision_id FROM outcomes WHERE event_id = 'clicked-1'")
    erased(held.log, LI_NA)
    before = len(rows_of(held.log, OutcomeRow))

    async def act(_: Engine, ledger: Ledger) -> Any:
        again = Event("clicked-1", "clicked", NOW + 60 * SECOND)
        later = Event("bought-9", "converted", ERASED_AT + DAY, {"value": 5.0, "note": "to Sanya"})
        commands = [
            ReportCommand(held.compiled, "", decision_id, again, ERASED_AT + DAY),
            ReportCommand(held.compiled, "", decision_id, later, ERASED_AT + DAY, order="order-77"),
            ReportCommand(held.compiled, "", decision_id, later, ERASED_AT + 2 * DAY, order="order-77"),
        ]
        return [await ledger.commit(command) for command in commands]

    again, later, twice = acting(held, act)
    assert again.result == "duplicate" if hasattr(again, "result") else again == "duplicate"
    assert (str(later), str(twice)) == ("accepted", "duplicate")
    rows = rows_of(held.log, OutcomeRow)
    assert len(rows) == before + 1
    (bought,) = [row for row in rows if row.type == "converted"]
    assert (bought.value, bought.fields) == (5.0, "{}")
    assert not {"bought-9", "order-77", "clicked-1"} & set(texts(held.log).replace('"', "'").split("'"))


def test_the_feed_still_tells_every_outcome(held: Filled) -> None:
    """What a commit repeats of an outcome leads to its row, under the new id."""
    erased(held.log, LI_NA)
    keys = {
        (event_id, type_)
        for (outcomes,) in held.log.rows("SELECT outcomes FROM commits")
        for event_id, type_, *_ in orjson.loads(outcomes)
    }
    assert keys == {(row.event_id, row.type) for row in rows_of(held.log, OutcomeRow)}


def test_names_stay_apart_as_they_were(held: Filled) -> None:
    """What was decided under several names stands under as many pseudonyms, linked as the names were."""
    before = dict(held.log.rows("SELECT person, count(*) FROM decisions GROUP BY person"))
    erased(held.log, LI_NA)
    after = dict(held.log.rows("SELECT person, count(*) FROM decisions GROUP BY person"))
    assert sorted(before.values()) == sorted(after.values())
    (link,) = rows_of(held.log, IdentityRow)
    assert link.person in after
    assert is_erased(link.name)
    assert link.name != link.person


@pytest.mark.parametrize("name", ["Łucja ☃", 'a"b\\c', "x' OR 1=1 --", "100%_", "\u202eevil", "a" * 200])
def test_any_name_is_erased_and_no_name_like_it(held: Filled, name: str) -> None:
    """Names of other scripts, with quotes and with signs of patterns: theirs goes, and that of a longer name stays."""
    longer = f"{name[:199]}+"

    async def act(engine: Engine, ledger: Ledger) -> None:
        for own in (name, longer):
            await decided(engine, own, NOW)
            event = Event(f"{own} did", "viewed", NOW, {})
            await ledger.commit(RecordCommand(held.compiled, own, event, NOW))

    acting(held, act)
    erased(held.log, name)
    persons = {row[0] for row in held.log.rows("SELECT person FROM decisions")}
    assert name not in persons
    assert longer in persons
    assert [row.event_id for row in rows_of(held.log, EventRow) if row.event_id.endswith(" did")] == [
        f"{longer} did"
    ]


def test_a_retry_of_before_the_erasure_gets_a_decision_of_its_own(held: Filled) -> None:
    """The id of an erased call is free again, for her and for another; a retry that was under way is refused."""
    retried = Request(
        DEVICE, NOW, {"profile.phone": "+86 139"}, frozenset({"sms"}), request_id=f"{DEVICE} {NOW}"
    )
    old = {row[0] for row in held.log.rows("SELECT decision_id FROM decisions")}

    async def act(engine: Engine, ledger: Ledger) -> Any:
        before = await decided(engine, DEVICE, NOW)
        await ledger.commit(EraseCommand(LI_NA, "", "officer", "grpc", lambda: ERASED_AT))
        under_way = await asyncio.gather(engine.decide(retried), return_exceptions=True)
        late = retried._replace(now=ERASED_AT + SECOND)
        first, again = (
            await engine.decide(late),
            await engine.decide(late._replace(now=ERASED_AT + 2 * SECOND)),
        )
        with pytest.raises(RequestIdTaken):
            await engine.decide(late._replace(customer=BOB, now=ERASED_AT + 3 * SECOND))
        other = await engine.decide(late._replace(customer="new", request_id=f"{LI_NA} {NOW + 2 * DAY}"))
        return before, under_way, first, again, other

    before, (refused,), first, again, other = acting(held, act)
    assert before.decision_id in old
    assert isinstance(refused, PersonErased)
    assert first == again
    assert not {first.decision_id, other.decision_id} & old
    ((decision_id,),) = held.log.rows(f"SELECT decision_id FROM requests WHERE request_id = '{DEVICE} {NOW}'")
    assert decision_id == first.decision_id
    assert f"home of {DEVICE}" not in repr(held.log.rows("SELECT inputs, answer, trace FROM decisions"))


def test_draws_of_a_unit_that_is_named_after_her_are_deleted(held: Filled) -> None:
    """A household whose id is one of her names leaves no draws; those of other households stay."""

    async def act(engine: Engine, ledger: Ledger) -> None:
        seen = Event("seen-by-guest", "viewed", NOW, {"item": "cream", "shelf": "left"})
        await ledger.commit(RecordCommand(held.compiled, "guest", seen, NOW))
        attributes = {"profile.phone": "+86 139", "profile.city": "Sanya", "profile.household": LI_NA}
        got = await engine.decide(Request("guest", NOW + SECOND, attributes, frozenset({"sms"})))
        assert [offer.campaign for offer in got.offers] == ["cream"]

    acting(held, act)
    units = "SELECT DISTINCT subject FROM assignments WHERE unit <> ''"
    before = set(held.log.rows(units))
    named = (unit_id("profile.household", LI_NA),)
    assert named in before
    receipt = erased(held.log, DEVICE)
    assert receipt.erased.deleted["assignments"] == 2
    assert set(held.log.rows(units)) == before - {named}
