"""A send decides as a server would, had the customers come one after the other in the order of their names."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.batch.going import GoingPair
from engine.decide.evaluate import evaluate
from engine.ledger.commit.commands import Command
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.events import RecordCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.queries.identities import MOST_NAMES
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.measure.population.scarcity import PairSpool
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.instant import DAY
from engine.presend.rows import SendPlan
from engine.presend.shares import DemandReader
from engine.privacy.erasure import EraseCommand
from engine.privacy.objection import ObjectionCommand, PrivacyActor
from tests.logs import Log, sqlite_log
from tests.measure.population.people_files import write_lines
from tests.presend.kit import BOOK, CLOCK, NOW, UNSHARED, Send, crowd, one_by_one, shop, state_of


def _past(send: Send, store: Store) -> None:
    """A history: a tenth is decided a day before, some of them convert or withdraw, and some names are one person's."""
    requests = [
        request._replace(now=NOW - DAY, clock=NOW - DAY)
        for request in send.population.requests(0, 0, send.compiled, NOW, CLOCK)
    ][::10]
    results = commit_group(store, [DecideCommand(evaluate(send.compiled, request)) for request in requests])
    chosen = [own for own in results if isinstance(own, Decision) and own.offers]
    reports = [
        ReportCommand(
            send.compiled, "", own.decision_id, Event(f"e-{at}", type_, NOW - DAY + 1, {}), NOW - DAY + 1
        )
        for at, (own, type_) in enumerate(
            zip(chosen, ["converted", "unsubscribed", "clicked"] * 100, strict=False)
        )
    ]
    commit_group(store, reports)
    commit_group(
        store,
        [
            LinkCommand(("person-000005", "person-000300"), NOW - DAY),
            LinkCommand(("person-000007", "card-7"), NOW - DAY),
        ],
    )


def test_same_as_one_by_one(any_log: Log, tmp_path: Path) -> None:
    """Contacts, counters, holdings and what was sent are those of single calls, for everybody, with and without history."""
    compiled, people = shop(tmp_path), crowd(tmp_path, 600)
    send = Send(compiled, any_log, people, tmp_path / "out")
    (tmp_path / "other").mkdir()
    other = sqlite_log(tmp_path / "other")
    reference = Send(compiled, other, people, tmp_path / "reference")
    for log in (any_log, other):
        with closing(open_store(log.url)) as store:
            _past(send, store)
    with closing(open_store(other.url)) as store:
        one_by_one(compiled, store, reference.population)
    summary = send.run()
    assert summary is not None
    assert summary.customers == 600
    assert 0 < summary.evaluated < 500, "most are decided by columns"
    assert state_of(any_log) == state_of(other)
    assert _traces(any_log) == _traces(other)


HELD_OUT = "holdouts: {quiet: {share: 20%, salt: q}, quieter: {share: 15%, salt: r}}\n"


def test_who_is_held_out_is_decided_by_columns(tmp_path: Path) -> None:
    """With shadows and the draws of every holdout and control, also of those behind the one that withholds the offer."""
    compiled, people = shop(tmp_path, UNSHARED + HELD_OUT), crowd(tmp_path, 300)
    logs = []
    for name in ("sent", "reference"):
        (tmp_path / name).mkdir()
        logs.append(sqlite_log(tmp_path / name))
    summary = Send(compiled, logs[0], people, tmp_path / "out").run()
    reference = Send(compiled, logs[1], people, tmp_path / "reference-out")
    with closing(open_store(logs[1].url)) as store:
        one_by_one(compiled, store, reference.population)
    assert summary is not None
    assert summary.evaluated == 0
    assert summary.outcomes["control"] > 50
    assert state_of(logs[0]) == state_of(logs[1])
    assert _traces(logs[0]) == _traces(logs[1])
    behind = [
        experiments
        for _, _, experiments in _traces(logs[0])
        if [row[6] for row in experiments][:2] == [True, True]
    ]
    assert behind, "some are in both holdouts"


def test_who_has_contacts_is_decided_by_columns(any_log: Log, tmp_path: Path) -> None:
    """After a send of the day before: contacts count, and who has some that rules cannot tell apart is decided at once."""
    compiled, people = shop(tmp_path, UNSHARED), crowd(tmp_path, 500)
    (tmp_path / "other").mkdir()
    other = sqlite_log(tmp_path / "other")
    for number, log in enumerate((any_log, other)):
        past = SendPlan("past", NOW - DAY)
        assert Send(compiled, log, people, tmp_path / f"past-{number}", past).run() is not None
    reference = Send(compiled, other, people, tmp_path / "reference")
    with closing(open_store(other.url)) as store:
        one_by_one(compiled, store, reference.population)
    summary = Send(compiled, any_log, people, tmp_path / "out").run()
    assert summary is not None
    assert summary.evaluated < 100, "most have contacts, and few have them alone"
    assert summary.outcomes["blocked"]
    assert state_of(any_log) == state_of(other)


def test_who_is_there_under_two_names_is_one_person(tmp_path: Path) -> None:
    """Nothing is known of them before the group in which both names are: what one of them gets counts for the other."""
    compiled, people = shop(tmp_path, UNSHARED), crowd(tmp_path, 80)
    logs = []
    for name in ("sent", "reference"):
        (tmp_path / name).mkdir()
        logs.append(sqlite_log(tmp_path / name))
        with closing(open_store(logs[-1].url)) as store:
            names = ((f"person-{at:06}", f"person-{at + 40:06}") for at in range(40))
            commit_group(store, [LinkCommand(own, NOW - DAY) for own in names])
    reference = Send(compiled, logs[1], people, tmp_path / "reference-out")
    with closing(open_store(logs[1].url)) as store:
        one_by_one(compiled, store, reference.population)
    assert Send(compiled, logs[0], people, tmp_path / "out").run() is not None
    assert state_of(logs[0]) == state_of(logs[1])


def _sticky(text: str) -> str:
    """The book with campaigns that keep what they draw."""
    variants = (
        "\n    sticky: true\n    variants:\n"
        "      calm: {share: 1, content: {default: {text: Calm}}}\n"
        "      loud: {share: 3, content: {default: {text: Loud}}}"
    )
    for control, more in (
        ("{share: 10%, salt: rare}", variants),
        ("{share: 30%, salt: soap}", "\n    sticky: true"),
    ):
        text = text.replace(f"control: {control}", f"control: {control}{more}")
    return text


STICKY = _sticky(UNSHARED)
KEPT = (
    "SELECT subject, unit, campaign, purpose, salt, drawn, share, at FROM assignments"
    " ORDER BY subject, campaign, purpose, salt, drawn"
)


def _sent_twice(log: Log, folder: Path, books: Sequence[tuple[str, int]]) -> list[int]:
    """Sends by these books in turn, each so many days later, and compares with single calls; who was evaluated each time."""
    people = crowd(folder, 250)
    (folder / "other").mkdir()
    other, evaluated = sqlite_log(folder / "other"), []
    for number, (text, days) in enumerate(books):
        now, own = NOW + days * DAY, folder / str(number)
        compiled = shop(own, text)
        reference = Send(compiled, other, people, own / "reference")
        with closing(open_store(other.url)) as store:
            one_by_one(compiled, store, reference.population, now=now)
        summary = Send(compiled, log, people, own / "out", SendPlan(f"run-{number}", now)).run()
        assert summary is not None
        evaluated.append(summary.evaluated)
        assert log.rows(KEPT) == other.rows(KEPT)
        assert state_of(log) == state_of(other)
        assert _traces(log, now) == _traces(other, now)
    assert len(log.rows(KEPT)) > 90
    return evaluated


def test_kept_draws_are_kept(any_log: Log, tmp_path: Path) -> None:
    """A sticky campaign keeps what it draws, as single calls do; who draws the same again is decided by columns too."""
    first, again = _sent_twice(any_log, tmp_path, [(STICKY, 0), (STICKY, 8)])
    assert first == 0
    assert again < 60, "only histories that few have"


def test_kept_draws_are_kept_where_counters_run_short(any_log: Log, tmp_path: Path) -> None:
    """Who is evaluated after all, because something is sold out, is so by the draws that are kept of them."""
    text = _sticky(BOOK)
    changed = text.replace("{share: 10%, salt: rare}", "{share: 40%, salt: rare}").replace("calm:", "mild:")
    first, *_ = _sent_twice(any_log, tmp_path, [(text, 0), (text, 8), (changed, 16)])
    assert first > 0


def test_other_draws_than_those_kept_are_not_sent(any_log: Log, tmp_path: Path) -> None:
    """Where shares have changed or a variant is gone, what was drawn first holds for who has it; new names draw anew."""
    changed = STICKY.replace("{share: 10%, salt: rare}", "{share: 40%, salt: rare}").replace("calm:", "mild:")
    salted = changed.replace("salt: soap", "salt: suds")
    _, evaluated, _ = _sent_twice(any_log, tmp_path, [(STICKY, 0), (changed, 8), (salted, 16)])
    assert evaluated > 60


def test_draws_of_before_a_campaign_was_sticky_hold(any_log: Log, tmp_path: Path) -> None:
    """They are found in earlier decisions, also in those of sends."""
    loose = STICKY.replace("    sticky: true\n", "").replace("\n    sticky: true", "")
    _, evaluated = _sent_twice(any_log, tmp_path, [(loose, 0), (STICKY, 8)])
    assert evaluated > 60


def test_units_keep_draws_one_by_one(any_log: Log, tmp_path: Path) -> None:
    """Whoever draws first draws for the unit, so that order matters: all are evaluated."""
    text = STICKY.replace("control: {share: 10%, salt: rare}", "control: 10%\n    unit: profile.town")
    assert _sent_twice(any_log, tmp_path, [(text, 0)]) == [250]


RECALLING = """
book: {name: shop, timezone: Europe/Paris, salt: s1}
events: {stored: true}
attributes: {profile.email: {type: text}, profile.home: {type: text}}
channels: {mail: {kind: outbound, address: profile.email, consent: not_needed}}
offers:
  thanks: {name: Thanks, value: 2, content: {default: {text: Thanks}}}
  tea: {name: Tea, value: 1, content: {default: {text: Tea}}}
campaigns:
  thanks:
    offer: thanks
    channels: [mail]
    when: {behaviour: {event: purchase, within: 3d, count: {gte: 1}}}
  tea: {offer: tea, channels: [mail], unit: profile.home, control: {share: 30%, salt: tea}}
"""


def test_events_that_are_remembered_count(any_log: Log, tmp_path: Path) -> None:
    """Who has stored events, or brings some, is decided with them; everybody by columns, by their units."""
    compiled = shop(tmp_path, RECALLING)
    bought = [{"type": "purchase", "at": "2026-03-09T12:00:00Z"}]
    people = [
        {"customer": f"c-{at:02}", "profile": {"email": "x", "home": f"home-{at // 4}"}} for at in range(40)
    ]
    people[7]["events"] = bought  # type: ignore[assignment]
    path = write_lines(tmp_path / "people.jsonl", people)
    with closing(open_store(any_log.url)) as store:
        for name in ("c-03", "c-11"):
            event = Event(f"e-{name}", "purchase", NOW - DAY, {})
            commit_group(store, [RecordCommand(compiled, name, event, NOW - DAY)])
    summary = Send(compiled, any_log, path, tmp_path / "out", group=16).run()
    assert summary is not None
    assert summary.evaluated == 0
    thanked = any_log.rows("SELECT person FROM contacts WHERE campaign = 'thanks' ORDER BY person")
    assert thanked == [("c-03",), ("c-07",), ("c-11",)]
    rows = any_log.rows("SELECT person, outcome, trace FROM decisions WHERE campaign = 'tea' ORDER BY person")
    units: dict[str, set[tuple[str, str]]] = {}
    for person, outcome, text in rows:
        (experiment,) = json.loads(text)["experiments"]
        assert experiment[6] is (outcome == "control")
        units.setdefault(experiment[7], set()).add((f"home-{int(person[2:]) // 4}", outcome))
    assert len(units) == 10
    assert all(len(homes) == 1 for homes in units.values()), "a home is drawn as one"
    assert {outcome for homes in units.values() for _, outcome in homes} == {"offer", "control"}


def test_many_names_fit_the_locks(postgres_log: Log, tmp_path: Path) -> None:
    """Customers who bring ten further names each are cut into groups that a transaction of PostgreSQL can lock."""
    compiled = shop(tmp_path)
    people = write_lines(
        tmp_path / "people.jsonl",
        [
            {"customer": f"c-{at:03}", "aliases": [f"c-{at:03}-{name}" for name in range(10)]}
            for at in range(120)
        ],
    )
    summary = Send(compiled, postgres_log, people, tmp_path / "out", group=1000).run()
    assert summary is not None
    assert summary.customers == 120
    sizes = [size for (size,) in postgres_log.rows("SELECT customers FROM presend_pieces ORDER BY first")]
    assert max(sizes) * 22 <= 1024
    assert postgres_log.rows("SELECT count(*) FROM identities") == [(1200,)]


def test_names_that_cannot_be_linked(tmp_path: Path) -> None:
    """A customer who would have more names than are kept is refused, alone; the others are decided."""
    compiled, log = shop(tmp_path), sqlite_log(tmp_path)
    many = {"customer": "a", "aliases": [f"new-{name}" for name in range(20)]}
    others = [{"customer": "b"}, {"customer": "c"}]
    with closing(open_store(log.url)) as store:
        for start in range(0, MOST_NAMES - 20, 20):
            names = ("a", *(f"old-{name}" for name in range(start, start + 20)))
            commit_group(store, [LinkCommand(names, NOW - DAY)])
    people = write_lines(tmp_path / "people.jsonl", [many, *others])
    summary = Send(compiled, log, people, tmp_path / "out").run()
    assert summary is not None
    assert summary.outcomes["refused"] == 1
    assert summary.customers == 3


def _traces(log: Log, now: int = NOW) -> list[tuple[str, object, list[list[Any]]]]:
    """Of each decision of the moment, the draws of what was chosen, and the experiments of its campaign."""
    rows = log.rows(
        f"SELECT person, campaign, trace FROM decisions WHERE campaign IS NOT NULL AND at = {now} ORDER BY person"
    )
    traces: list[tuple[str, object, list[list[Any]]]] = []
    for person, campaign, text in rows:
        trace = json.loads(text)
        experiments = [row for row in trace.get("experiments", ()) if row[0] == campaign]
        traces.append((person, [[row[0], *row[2:]] for row in trace["variants"]], experiments))
    return traces


def test_what_was_forbidden_holds_for_who_is_erased_and_comes_again(any_log: Log, tmp_path: Path) -> None:
    """Objections and withdrawals, in force or of before an erasure, hold in sends and their demand as in calls."""
    text = BOOK.replace("  soap:\n    offer: soap\n", "  soap:\n    offer: soap\n    personalised: false\n")
    compiled, people = shop(tmp_path, text), crowd(tmp_path, 300)
    (tmp_path / "other").mkdir()
    other = sqlite_log(tmp_path / "other")
    send = Send(compiled, any_log, people, tmp_path / "out", SendPlan("spring", NOW, scarce="best"))
    reference = Send(compiled, other, people, tmp_path / "reference")
    for log in (any_log, other):
        with closing(open_store(log.url)) as store:
            commit_group(store, [own for at in range(60) for own in _forbidding(send, f"person-{at:06}", at)])
            for at in range(0, 60, 2):
                erase = EraseCommand(f"person-{at:06}", "", "officer", "log", lambda: NOW - DAY // 2)
                commit_group(store, [erase])
    wanted: set[str] = set()
    with closing(open_store(any_log.url)) as store:
        reader = DemandReader(compiled, store, send.job, lambda: CLOCK, _Wanting(wanted))
        for part in range(send.population.parts):
            reader.read(part)
    assert not wanted & {f"person-{at:06}/{name}" for at in range(0, 60, 3) for name in ("rare", "cream")}
    assert {f"person-{at:06}/cream" for at in range(60, 300)} & wanted
    with closing(open_store(other.url)) as store:
        decisions = one_by_one(compiled, store, reference.population)
    assert {offer.campaign for own in decisions[:60:3] for offer in own.offers} == {"soap"}
    summary = Send(compiled, any_log, people, tmp_path / "sent").run()
    assert summary is not None
    assert state_of(any_log) == state_of(other)
    codes = any_log.rows("SELECT count(*) FROM suppressions WHERE purpose <> ''")
    assert codes == other.rows("SELECT count(*) FROM suppressions WHERE purpose <> ''")


class _Wanting(PairSpool):
    """Notes who could get what."""

    def __init__(self, wanted: set[str]) -> None:
        self._wanted = wanted

    def add(self, customers: Sequence[str], pairs: Sequence[GoingPair]) -> None:
        """Notes the pairs."""
        self._wanted |= {f"{customers[pair.row]}/{pair.compiled_campaign.campaign.name}" for pair in pairs}


def _forbidding(send: Send, name: str, at: int) -> list[Command[Any]]:
    """A third objects to everything, a third withdraws what mails need, and a third objects to texts."""
    actor = PrivacyActor("officer", "log", NOW - DAY)
    if at % 3 == 1:
        withdrawn = Event(f"stop-{at}", "unsubscribed", NOW - DAY, {})
        return [ReportCommand(send.compiled, name, "", withdrawn, NOW - DAY, channel="mail")]
    return [ObjectionCommand(name, "*" if at % 3 == 0 else "channel:sms", True, "", actor)]
