"""A log in which every table that may hold something of a person does: of Li Na, by two names, and of Bob beside her."""

from contextlib import closing
from pathlib import Path

from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.ledger.commit.books import KeepBookCommand
from engine.ledger.commit.challenges import KeepChallengesCommand
from engine.ledger.commit.events import RecordCommand
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.ledger import Ledger
from engine.ledger.queries import presends
from engine.ledger.queries.decisions import decision_of
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import ChallengeRow, DecisionRow, PresendRunRow
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.instant import DAY, SECOND, Instant
from engine.model.request import Request
from tests.books import compiled_book
from tests.logs import Log

NOW: Instant = 1_773_108_000_000_000
"""2026-03-10T02:00Z, ten in the morning in Shanghai: a Tuesday."""

LI_NA, DEVICE, BOB = "li_na", "device-7", "bob"

BOOK = """
book: {name: rights, timezone: Asia/Shanghai, salt: s, currency: EUR}
attributes:
  profile.phone: {type: text, masked: true}
  profile.city: {type: text}
  profile.household: {type: text}
channels:
  sms: {kind: outbound, address: profile.phone, consent: sms, cost: 0.05, on_silence: confirm}
offers:
  cream: {name: Cream, value: 5, stock: 100, content: {default: {text: "Cream for {profile.city|you}"}}}
  tea: {name: Tea, value: 1, content: {default: {text: Tea}}}
events: {stored: true, types: {viewed: {fields: {shelf: text}}}}
signals:
  interested: {when: {behaviour: {event: viewed, within: 7d, count: {gte: 1}}}, hold: 30d}
holdouts:
  quiet: {share: 1%, salt: q, except: {offer: cream}}
campaigns:
  cream:
    offer: cream
    channels: [sms]
    when: {signal: interested}
    control: 1%
    unit: profile.household
    sticky: true
    variants: {a: {content: {default: {text: A}}}, b: {content: {default: {text: B}}}}
  tea:
    offer: tea
    channels: [sms]
    when: {profile.city: Sanya}
    learn: {reward: clicked, explore: 10%}
    variants: {a: {content: {default: {text: A}}}, b: {content: {default: {text: B}}}}
pressure:
  caps: {weekly: {limit: 1, per: rolling 7d, count: {channel: sms}}}
"""


async def filled(log: Log, folder: Path) -> CompiledBook:
    """Decides, records, reports and links, as a server does, for Li Na under both names and for Bob."""
    compiled = compiled_book(folder / "book", BOOK)
    ledger = Ledger(open_store(log.url))
    try:
        await ledger.commit(KeepBookCommand(compiled.book, NOW - 9 * DAY))
        engine = Engine(compiled, ledger)
        for name in (DEVICE, BOB):
            await decided(engine, name, NOW - 9 * DAY)
            event = Event(
                f"seen-by-{name}", "viewed", NOW - 3600 * SECOND, {"item": "cream", "shelf": "left"}
            )
            await ledger.commit(RecordCommand(compiled, name, event, NOW - 3600 * SECOND))
        got = await decided(engine, DEVICE, NOW)
        await decided(engine, BOB, NOW)
        await ledger.commit(LinkCommand((DEVICE, LI_NA), NOW + SECOND))
        await decided(engine, LI_NA, NOW + 2 * DAY)
        clicked = Event("clicked-1", "clicked", NOW + 60 * SECOND)
        await ledger.commit(ReportCommand(compiled, "", got.decision_id, clicked, NOW + 60 * SECOND))
        withdrawn = Event("stop-1", "unsubscribed", NOW + 3 * DAY)
        await ledger.commit(ReportCommand(compiled, LI_NA, "", withdrawn, NOW + 3 * DAY, channel="sms"))
        elsewhere = Event("call-1", "contacted", NOW + 3 * DAY)
        await ledger.commit(ReportCommand(compiled, LI_NA, "", elsewhere, NOW + 3 * DAY, channel="sms"))
        await decided(engine, LI_NA, NOW + 9 * DAY)
        row = await engine.look(lambda store: decision_of(store, got.decision_id))
        assert row is not None
        await ledger.commit(KeepChallengesCommand([_challenge(row)], compiled.book, NOW))
    finally:
        ledger.close()
    _send(log, row)
    return compiled


async def decided(engine: Engine, name: str, now: Instant) -> Decision:
    """A decision for the customer, who agrees to texts."""
    attributes = {"profile.phone": "+86 139", "profile.city": "Sanya", "profile.household": f"home of {name}"}
    request = Request(name, now, attributes, frozenset({"sms"}), request_id=f"{name} {now}")
    return await engine.decide(request)


def _challenge(row: DecisionRow) -> ChallengeRow:
    return ChallengeRow(
        row.decision_id,
        row.person,
        row.at,
        row.book_version,
        row.outcome,
        row.campaign,
        row.offer,
        row.variant,
        row.channel,
        row.inputs,
        row.trace,
        row.answer,
    )


def _send(log: Log, row: DecisionRow) -> None:
    """A send that Li Na was among."""
    with closing(open_store(log.url)) as store:
        run = PresendRunRow("spring", row.book_version, NOW, NOW, 1, "0" * 64, "{}", NOW)
        last = "1" if row.decision_id.endswith("0") else "0"
        sent = row._replace(decision_id=row.decision_id[:-1] + last, request_id=None, run="spring")
        with store.transaction():
            presends.add_run(store, run)
            store.insert(DecisionRow, [sent])
