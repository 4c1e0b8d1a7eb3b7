"""A send shares out what is scarce: all of it is given, nothing is oversold, and who ranks higher has it."""

import asyncio
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from engine.batch.demand import PairChunk
from engine.cli import app
from engine.decide.arbitrate.prices import tie_of
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.experiments.bid_prices import BidPrice
from engine.decide.experiments.bucketing import identity
from engine.engine import Engine
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.queries import presends
from engine.ledger.queries.prices import write_prices
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import PresendPieceRow
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.instant import DAY
from engine.presend.parts import PartSender
from engine.presend.rows import SendPlan
from engine.presend.run import RunSummary
from tests.batch.test_scarce import best_possible
from tests.books import write_book
from tests.forked import CONTEXT
from tests.logs import Log, sqlite_log
from tests.measure.population.people_files import write_csv
from tests.presend.kit import CLOCK, CONTACTS, NOW, Send, shop, state_of
from tests.waiting import HANGS

BOOK = """
book: {name: theatre, timezone: Europe/Paris, salt: s1, currency: EUR}
attributes:
  profile.email: {type: text}
  profile.front: {type: number, min: 0, max: 1}
  profile.balcony: {type: number, min: 0, max: 1}
channels:
  mail: {kind: outbound, address: profile.email, consent: mail, on_silence: confirm}
offers:
  front: {name: Front rows, value: 10, stock: 30, content: {default: {text: Front}}}
  balcony: {name: Balcony, value: 6, stock: 45, content: {default: {text: Balcony}}}
  tea: {name: Tea, value: 0.5, content: {default: {text: Tea}}}
campaigns:
  front: {offer: front, channels: [mail], propensity: {attribute: profile.front, default: 0}}
  balcony: {offer: balcony, channels: [mail], propensity: {attribute: profile.balcony, default: 0}}
  tea: {offer: tea, channels: [mail], when: {profile.front: {lt: 0.3}}}
pressure:
  caps:
    weekly: {limit: 1, per: rolling 7d}
"""
STOCKS = {"front": 30, "balcony": 45}
PEOPLE = 200


def crowd(folder: Path, number: int = PEOPLE, seed: int = 1, digits: int = 6) -> Path:
    """Customers with what they are interested in; few digits make many of them equal."""
    draw = Random(seed)
    rows = [
        [f"p-{at:04}", "a@b", str(round(draw.random(), digits)), str(round(draw.random(), digits)), "mail"]
        for at in range(number)
    ]
    return write_csv(
        folder / "people.csv",
        rows,
        ("customer", "profile.email", "profile.front", "profile.balcony", "consents"),
    )


def theatre(folder: Path, text: str = BOOK) -> CompiledBook:
    """The book with two stocks."""
    return shop(folder, text)


def plan(way: str = "best") -> SendPlan:
    """The run that is looked at."""
    return SendPlan("spring", NOW, scarce=way)


def given(log: Log) -> dict[str, int]:
    """How many were given of what is scarce."""
    rows = log.rows("SELECT campaign, count(*) FROM contacts WHERE state <> 'shadow' GROUP BY campaign")
    return {campaign: number for campaign, number in rows if campaign in STOCKS}


def sent_rows(send: Send, summary: RunSummary | None) -> list[dict[str, Any]]:
    """The rows of the run's files."""
    assert summary is not None
    return [row for file, _ in summary.files for row in pq.read_table(send.job.folder / file).to_pylist()]


@pytest.mark.parametrize("way", ["best", "value"])
@pytest.mark.parametrize("digits", [6, 1])
def test_all_of_it_is_given(way: str, digits: int, any_log: Log, tmp_path: Path) -> None:
    """As many as there are where more want it, also where many are equal; each customer is decided once, in one file."""
    send = Send(
        theatre(tmp_path), any_log, crowd(tmp_path, digits=digits), tmp_path / "out", plan(way), part_size=70
    )
    summary = send.run()
    rows = sent_rows(send, summary)
    assert given(any_log) == STOCKS
    assert summary is not None
    assert Counter(row["outcome"] for row in rows) == {name: n for name, n in summary.outcomes.items() if n}
    assert [row["customer"] for row in rows] == [f"p-{at:04}" for at in range(PEOPLE)]
    assert len(summary.files) == 3
    used = dict(any_log.rows("SELECT counter, sum(used) FROM counters GROUP BY counter"))
    assert used == {f"{name}/stock": number for name, number in STOCKS.items()}


@pytest.mark.parametrize("digits", [6, 1])
def test_nobody_who_is_refused_ranks_higher(digits: int, tmp_path: Path) -> None:
    """Whoever would rather have what another got ranks below everybody who got it, by score and then by the hash."""
    log = sqlite_log(tmp_path)
    send = Send(theatre(tmp_path), log, crowd(tmp_path, digits=digits), tmp_path / "out", plan())
    got = {row["customer"]: row["campaign"] for row in sent_rows(send, send.run())}
    lowest: dict[str, tuple[float, int]] = {}
    refused: dict[str, tuple[float, int]] = {}
    for request in _requests(send, tmp_path):
        for candidate in evaluate(send.compiled, request).candidates:
            name = candidate.compiled_campaign.campaign.name
            rank = candidate.score, tie_of(identity("s1", request.customer), candidate.compiled_campaign)
            if name == got[request.customer]:
                lowest[name] = min(rank, lowest.get(name, rank))
                break
            refused[name] = max(rank, refused.get(name, rank))
    assert set(STOCKS) == set(lowest) - {"tea"} == set(refused)
    for name, rank in refused.items():
        assert rank < lowest[name]


def _requests(send: Send, folder: Path) -> list[Any]:
    again = Send(send.compiled, send.log, folder / "people.csv", folder / "again")
    return list(again.population.requests(0, 0, send.compiled, NOW, CLOCK))


def test_value_is_within_half_a_percent_of_the_linear_programme(tmp_path: Path) -> None:
    """What is really sent by prices, on several random crowds."""
    for seed in range(3):
        folder = tmp_path / str(seed)
        folder.mkdir()
        log = sqlite_log(folder)
        send = Send(theatre(folder), log, crowd(folder, 300, seed), folder / "out", plan("value"))
        rows, people = sent_rows(send, send.run()), _requests(send, folder)
        gross = {
            (request.customer, own.compiled_campaign.campaign.name): own.score
            for request in people
            for own in evaluate(send.compiled, request).candidates
        }
        worth = sum(gross[row["customer"], row["campaign"]] for row in rows if row["campaign"])
        pairs = sorted(gross.items(), key=lambda pair: (pair[0][0], -pair[1]))
        names = [request.customer for request in people]
        counters = np.array([[{"front": 0, "balcony": 1}.get(pair[1], -1)] for pair, _ in pairs])
        starts = np.searchsorted([pair[0] for pair, _ in pairs], [*names, "q"])
        chunk = PairChunk(
            starts,
            np.zeros(len(pairs), np.int64),
            np.array([score for _, score in pairs]),
            np.zeros(len(pairs), np.uint64),
            counters,
            (counters >= 0).astype(np.int64),
        )
        assert worth >= 0.995 * best_possible([chunk], [30, 45])


def test_enough_for_all_is_sent_at_once(tmp_path: Path) -> None:
    """Where every counter suffices there is neither a cut-off nor a price, and the run says so."""
    log, people = sqlite_log(tmp_path), crowd(tmp_path)
    for stock, folder in ((150, "wanted by fewer"), (10_000, "more than people")):
        compiled = theatre(
            tmp_path, BOOK.replace("stock: 30", f"stock: {stock}").replace("stock: 45", f"stock: {stock}")
        )
        send = Send(compiled, log, people, tmp_path / folder, SendPlan(folder, NOW, scarce="best"))
        with closing(open_store(log.url)) as store:
            assert send.shared_out(store).plan.prices == ()
    assert log.rows("SELECT count(*) FROM prices") == [(0,)]


def test_customers_with_a_history_want_what_they_may_have(tmp_path: Path) -> None:
    """Who was contacted in the week is no demand: the cut-off is that of the others, and all of it is given."""
    log, people, compiled = sqlite_log(tmp_path), crowd(tmp_path), theatre(tmp_path)
    send = Send(compiled, log, people, tmp_path / "out", plan())
    earlier = [own._replace(now=NOW - 1000, clock=NOW - 1000) for own in _requests(send, tmp_path)[:60]]
    with closing(open_store(log.url)) as store:
        commit_group(store, [DecideCommand(evaluate(compiled, request)) for request in earlier])
    before = given(log)
    send.run()
    shares = json.loads(log.rows("SELECT shares FROM presend_runs")[0][0])
    by_name = {own["counter"]: own for own in shares["counters"]}
    for name, stock in STOCKS.items():
        own = by_name[f"{name}/stock"]
        assert own["left"] == stock - before[name]
        assert own["taken"] == own["left"] == given(log)[name] - before[name]
        assert own["demand"] <= PEOPLE - 60


def test_what_is_given_back_meanwhile_goes_in_a_last_pass(any_log: Log, tmp_path: Path) -> None:
    """To who got nothing, in order; their rows replace those of the first pass, and the whole run again adds nothing."""
    compiled = theatre(tmp_path)
    send = Send(compiled, any_log, crowd(tmp_path), tmp_path / "out", plan(), part_size=70)
    _given_back(send)
    summary = send.run()
    rows = sent_rows(send, summary)
    campaigns = Counter(row["campaign"] for row in rows if row["outcome"] == "offer")
    assert {name: campaigns[name] for name in STOCKS} == STOCKS
    assert summary is not None
    assert [row["customer"] for row in rows] == [f"p-{at:04}" for at in range(PEOPLE)]
    assert Counter(row["outcome"] for row in rows) == {name: n for name, n in summary.outcomes.items() if n}
    assert summary.customers == PEOPLE
    assert any_log.rows("SELECT count(*) > 0 FROM presend_pieces WHERE part < 0")[0][0]
    state = state_of(any_log)
    again = Send(compiled, any_log, tmp_path / "people.csv", tmp_path / "out", plan(), part_size=70)
    assert again.run() is not None
    assert state_of(any_log) == state


def _given_back(send: Send) -> None:
    """Others had of what is scarce when it was shared out, and gave it back since."""
    requests = list(send.population.requests(0, 0, send.compiled, NOW, CLOCK))[:20]
    others = [own._replace(customer=f"x-{own.customer}") for own in requests]
    with closing(open_store(send.log.url)) as store:
        made = commit_group(store, [DecideCommand(evaluate(send.compiled, request)) for request in others])
        send.shared_out(store)
        reports = [
            ReportCommand(send.compiled, "", own.decision_id, Event(f"e-{at}", "bounced", NOW, {}), NOW)
            for at, own in enumerate(made)
            if isinstance(own, Decision)
        ]
        commit_group(store, reports)


def _last_pass(folder: Path, log: Log, out: str) -> Send:
    """A run with something left for a last pass."""
    return Send(theatre(folder), log, folder / "people.csv", folder / out, plan(), group=4, part_size=70)


def _dying(owner: Any, name: str, *, before: bool = False) -> None:
    """Makes the process die before or after the function is first called with a part of the last pass, or its row."""
    function = getattr(owner, name)

    def call(*arguments: Any) -> Any:
        parts = [own.part if isinstance(own, PresendPieceRow) else own for own in arguments]
        is_last = any(isinstance(part, int) and part < 0 for part in parts)
        if is_last and before:
            _die()
        result = function(*arguments)
        if is_last:
            _die()
        return result

    setattr(owner, name, call)


def _killed_in_the_last_pass(point: str, folder: Path, url: str) -> None:
    match point:
        case "before a commit":
            _dying(presends, "add_piece")
        case "after a commit":
            _dying(PartSender, "_try")
        case "file written":
            _dying(presends, "merge", before=True)
        case "merged":
            _dying(presends, "merge")
    _last_pass(folder, Log(url), "out").run()


@pytest.mark.parametrize("point", ["before a commit", "after a commit", "file written", "merged"])
def test_killed_in_the_last_pass_and_resumed(point: str, any_log: Log, tmp_path: Path) -> None:
    """It goes on there: the log, and the rows of the files, are those of a run that nobody killed."""
    crowd(tmp_path)
    (tmp_path / "whole").mkdir()
    whole = sqlite_log(tmp_path / "whole")
    reference = _last_pass(tmp_path, whole, "whole-out")
    _given_back(reference)
    expected = sent_rows(reference, reference.run())
    _given_back(_last_pass(tmp_path, any_log, "out"))
    process = CONTEXT.Process(target=_killed_in_the_last_pass, args=(point, tmp_path, any_log.url))
    process.start()
    process.join(HANGS)
    assert process.exitcode == -signal.SIGKILL
    send = _last_pass(tmp_path, any_log, "out")
    rows = sent_rows(send, send.run())
    assert state_of(any_log) == state_of(whole)
    campaigns = Counter(row["campaign"] for row in rows if row["outcome"] == "offer")
    assert {name: campaigns[name] for name in STOCKS} == STOCKS
    assert [{**row, "decision_id": None} for row in rows] == [
        {**row, "decision_id": None} for row in expected
    ]
    assert {row["decision_id"] for row in rows if row["campaign"]} <= {
        own for (own,) in any_log.rows("SELECT decision_id FROM decisions")
    }


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _killed(point: str, folder: Path, url: str) -> None:
    monkeypatch, seen = pytest.MonkeyPatch(), Counter[str]()

    def third(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            seen["calls"] += 1
            result = function(*arguments)
            if seen["calls"] == 3:
                _die()
            return result

        return call

    match point:
        case "shares kept":
            monkeypatch.setattr(PartSender, "send", _die)
        case "before a commit":
            monkeypatch.setattr(presends, "add_piece", third(presends.add_piece))
        case "after a commit":
            monkeypatch.setattr(PartSender, "_try", third(PartSender._try))
    Send(theatre(folder), Log(url), folder / "people.csv", folder / "out", plan(), group=50).run()


@pytest.mark.parametrize("point", ["shares kept", "before a commit", "after a commit"])
def test_killed_and_resumed(point: str, any_log: Log, tmp_path: Path) -> None:
    """It goes on by the same cut-offs, and ends as a run does that nobody killed."""
    people = crowd(tmp_path)
    (tmp_path / "whole").mkdir()
    whole = sqlite_log(tmp_path / "whole")
    Send(theatre(tmp_path), whole, people, tmp_path / "whole-out", plan(), group=50).run()
    process = CONTEXT.Process(target=_killed, args=(point, tmp_path, any_log.url))
    process.start()
    process.join(HANGS)
    assert process.exitcode == -signal.SIGKILL
    shares = any_log.rows("SELECT shares FROM presend_runs")
    assert Send(theatre(tmp_path), any_log, people, tmp_path / "out", plan(), group=50).run() is not None
    assert (
        any_log.rows("SELECT shares FROM presend_runs")
        == shares
        == whole.rows("SELECT shares FROM presend_runs")
    )
    assert state_of(any_log) == state_of(whole)


async def _serve(compiled: CompiledBook, log: Log, requests: list[Any], seed: int) -> None:
    Random(seed).shuffle(requests)
    ledger = Ledger(open_store(log.url, busy_timeout=60))
    engine = Engine(compiled, ledger)
    try:
        for start in range(0, len(requests), 20):
            for answer in await engine.decide_all(requests[start : start + 20]):
                assert not isinstance(answer, LedgerError), answer
    finally:
        ledger.close()


@pytest.mark.parametrize("way", ["best", "value"])
def test_nothing_is_oversold_beside_servers(way: str, any_log: Log, tmp_path: Path) -> None:
    """Two servers take from the same stocks meanwhile: cut-offs steer, counters decide."""
    compiled = theatre(tmp_path)
    send = Send(compiled, any_log, crowd(tmp_path), tmp_path / "out", plan(way), group=20)
    requests, failed = _requests(send, tmp_path), list[BaseException]()

    def noting(work: Callable[[], object]) -> Callable[[], None]:
        def call() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 -- shown by the test
                failed.append(error)

        return call

    works: list[Callable[[], object]] = [send.run]
    for seed in range(2):
        own = [request._replace(customer=f"s{seed}-{request.customer}") for request in requests[::2]]
        works.append(lambda own=own, seed=seed: asyncio.run(_serve(compiled, any_log, own, seed)))  # type: ignore[misc] # binds the loop's
    threads = [threading.Thread(target=noting(work)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed
    assert given(any_log) == STOCKS
    assert any_log.rows("SELECT sum(customers) FROM presend_pieces WHERE part >= 0") == [(PEOPLE,)]


def tact(*words: object) -> Result:
    """The command's end."""
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_command_shares_out_and_says_how_well(tmp_path: Path) -> None:
    """By cut-offs unless something else is said; any number of processes gives the same, and servers get the prices."""
    book, people, states = write_book(tmp_path / "book", BOOK), crowd(tmp_path), []
    words = ("presend", book, people, "--now", "2026-03-10T11:00", "--run", "spring", "--part", 70)
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        log = sqlite_log(folder)
        result = tact(*words, "--out", folder / "out", "--log", log.url, "--workers", workers)
        assert result.exit_code == 0, result.output
        states.append(state_of(log, (CONTACTS,)))
    assert states[0] == states[1]
    assert "front/stock: " in result.stdout
    assert "went to customers with a score above" in result.stdout
    assert "one more unit of it is worth" in result.stdout
    assert "this plan is worth at least 9" in result.stdout
    status = tact("presend-status", "spring", "--log", log.url)
    assert "this plan is worth at least 9" in status.stdout
    scarce = json.loads(tact("presend-status", "spring", "--log", log.url, "--json").stdout)["scarce"]
    assert (scarce["way"], scarce["is_short"]) == ("best", True)
    rows = json.loads(tact("prices", log.url, "--json").stdout)["prices"]
    assert {row["counter"]: row["cut_off"] for row in rows} == {
        own["counter"]: own["cut_off"]["score"] for own in scarce["counters"]
    }
    assert {row["run"] for row in rows} == {"spring"}
    refused = tact(*words, "--out", folder / "out", "--log", log.url, "--scarce", "value")
    assert refused.exit_code == 2
    assert "the run spring was started with other settings" in refused.stderr
    again = tact(*words, "--out", folder / "out", "--log", log.url)
    assert again.exit_code == 0
    assert state_of(log, (CONTACTS,)) == states[1]


def test_a_preview_decides_by_the_prices_of_the_log(tmp_path: Path) -> None:
    """Of a book with `scarce: prices`: who scores no more than a cut-off in force is not offered what is scarce."""
    text = BOOK.replace("currency: EUR}", "currency: EUR, arbitration: {scarce: prices}}")
    book, people, log = write_book(tmp_path / "book", text), crowd(tmp_path), sqlite_log(tmp_path)
    with closing(open_store(log.url)) as store, store.transaction():
        write_prices(store, [BidPrice("front/stock", 0, 0.0, 8.0, NOW, None)], run="spring", now=NOW - DAY)
    words = ("presend", book, people, "--preview", "--now", "2026-03-10T11:00", "--verify", 100, "--json")
    free, priced = (
        {own["campaign"]: own["offered"] for own in json.loads(tact(*words, *more).stdout)["campaigns"]}
        for more in ((), ("--log", log.url))
    )
    rows = [row.split(",") for row in people.read_text().splitlines()[1:]]
    above = sum(10 * float(row[2]) > 8 and float(row[2]) * 10 >= float(row[3]) * 6 for row in rows)
    assert priced["front"] == above < free["front"]


def test_in_order_gives_to_who_comes_first(tmp_path: Path) -> None:
    """As before: in the order of the names, without a plan."""
    book, people, log = write_book(tmp_path / "book", BOOK), crowd(tmp_path), sqlite_log(tmp_path)
    words = ("--out", tmp_path / "out", "--log", log.url, "--now", "2026-03-10T11:00", "--scarce", "order")
    result = tact("presend", book, people, *words, "--json")
    assert json.loads(result.stdout)["scarce"] is None
    first = [
        name for (name,) in log.rows("SELECT person FROM contacts WHERE campaign = 'front' ORDER BY person")
    ]
    assert first[-1] < "p-0100"


@pytest.mark.parametrize("way", ["best", "value"])
def test_decisions_are_explained_and_made_again(way: str, tmp_path: Path) -> None:
    """The log keeps what was asked of the candidates; replay decides by it, and Explain says to whom it went."""
    book, people, log = write_book(tmp_path / "book", BOOK), crowd(tmp_path), sqlite_log(tmp_path)
    words = ("--out", tmp_path / "out", "--log", log.url, "--now", "2026-03-10T11:00", "--scarce", way)
    assert tact("presend", book, people, *words, "--full-log").exit_code == 0
    replayed = json.loads(tact("replay", "--log", log.url, "--json").stdout)
    number = log.rows("SELECT count(*) FROM decisions")[0][0]
    assert (replayed["equal"], replayed["different"]) == (number, 0)
    if way == "best":
        refused = [
            decision_id
            for decision_id, answer in log.rows("SELECT decision_id, answer FROM decisions")
            if "out_of_stock" in answer
        ]
        explained = tact("explain", book, "--decision", refused[0], "--log", log.url)
        assert "went to customers with a score above" in explained.stdout
        assert "out of stock" in explained.stdout
    else:
        (chosen,) = log.rows("SELECT min(decision_id) FROM decisions WHERE campaign = 'front'")[0]
        explained = tact("explain", book, "--decision", chosen, "--log", log.url)
        assert "less for front/stock, which is scarce" in explained.stdout


def test_thin_rows_keep_the_prices(tmp_path: Path) -> None:
    """Of the counter that an offer takes from, and of those that refused what the customer would have had instead."""
    log = sqlite_log(tmp_path)
    Send(theatre(tmp_path), log, crowd(tmp_path), tmp_path / "out", plan()).run()
    kept = [
        orjson.loads(trace).get("prices", [])
        for (trace,) in log.rows("SELECT trace FROM decisions WHERE campaign = 'front'")
    ]
    assert all("front/stock" in {row[0] for row in rows} for rows in kept)
    moved = [
        orjson.loads(trace)["prices"]
        for trace, answer in log.rows("SELECT trace, answer FROM decisions WHERE campaign = 'balcony'")
        if "front/stock" in answer
    ]
    assert moved
    (chosen,) = log.rows("SELECT min(decision_id) FROM decisions WHERE campaign = 'front'")[0]
    explained = tact("explain", tmp_path / "book", "--decision", chosen, "--log", log.url)
    assert "in this run front/stock went to customers with a score above" in explained.stdout
    assert all({row[0] for row in rows} == {"front/stock", "balcony/stock"} for rows in moved)
