"""A second book beside the live one: it decides after the reply, and changes nothing that is live."""

import json
import signal
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from textwrap import dedent
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.cli import app
from engine.client import Client, recorded, request
from engine.explain.books import Books
from engine.ledger.store.open import open_store
from engine.measure.challenges import read_challenges
from engine.measure.diff import diff_log
from tests.books import compiled_book, write_book
from tests.logs import Log, sqlite_log
from tests.server.everything import EVERYTHING
from tests.server.reloads import said, version_of
from tests.servers import Server, serving
from tests.telemetry.shown import free_port, value
from tests.waiting import until

LIVE = dedent("""
    book: {name: tea, timezone: UTC, salt: s, lawful_basis: {health: consent form 7}}
    attributes:
      profile.phone: {type: text}
      profile.mail: {type: text}
      profile.age: {type: integer}
      profile.shoe: {type: integer}
      profile.allergy: {type: text, sensitive: health}
    channels:
      sms: {kind: outbound, address: profile.phone, consent: not_needed}
      web: {kind: inbound}
    placements: {hero: {channel: web}}
    offers:
      tea: {name: Tea, stock: 100, content: {default: {text: Tea}}}
      cake: {name: Cake, value: 0.5, content: {default: {text: Cake}}}
    campaigns:
      tea-time: {offer: tea, when: {profile.age: {gte: 18}}, channels: [sms], control: 20%}
      cake-time:
        {offer: cake, channels: [sms], variants: {a: {content: {default: {text: A}}}, b: {content: {default: {text: B}}}}}
    pressure:
      caps: {weekly: {limit: 2, per: rolling 7d}}
""")
"""What is live."""

STRICT = LIVE.replace("limit: 2", "limit: 1").replace("b: {content", "b: {share: 3, content")
STRICT = STRICT.replace("a: {content", "a: {share: 1, content")
"""A challenger that reads no more than the live book."""

_WHEN = "when: {profile.shoe: 38, profile.allergy: {exists: false}}"
CURIOUS = LIVE.replace("{offer: cake,", f"{{offer: cake, {_WHEN},").replace(
    "value: 0.5,", "value: 0.5, stock: 3,"
)
"""A challenger that reads two more attributes, one of them sensitive, and one more counter."""

STARTED = datetime(2026, 3, 2, 10, tzinfo=UTC)
METRIC = "tact_challenges_total"
RESULTS = ("agreed", "differed", "dropped", "failed")


def requests(days: int = 10) -> Iterator[DecideRequest]:
    """Five persons, once a day."""
    for day in range(days):
        for number in range(5):
            yield request(
                f"person-{number}",
                profile={
                    "phone": f"+{number}",
                    "age": 10 * number,
                    "shoe": 36 + number,
                    **({"allergy": "nuts"} if number == 3 else {}),
                },
                now=STARTED + timedelta(days=day, seconds=number),
                request_id=f"r-{day}-{number}",
            )


def decide(server: Server, sent: Sequence[DecideRequest]) -> list[str]:
    """The answers, without their ids, as the bytes say; each third by its own call, the others by a batch and a stream."""
    with Client(server.target, timeout=120) as client:
        answers = [client.decide(item) for item in sent[::3]]
        answers += client.decide_batch(sent[1::3])
        answers += list(client.decide_stream(sent[2::3]))
    texts = []
    for answer in answers:
        message = getattr(answer, "message", answer)
        message.decision_id = ""
        texts.append(str(message))
    return texts


def live_rows(log: Log) -> list[Any]:
    """What is live in the log, with decision_ids by their order."""
    ids = [row[0] for row in log.rows("SELECT decision_id FROM decisions ORDER BY decision_id")]
    numbers = {decision_id: f"decision {number}" for number, decision_id in enumerate(ids)}

    def shown(row: Sequence[Any]) -> list[Any]:
        texts = [
            item.replace(row[0], "it") if isinstance(item, str) and item != row[0] else item for item in row
        ]
        return [numbers.get(item, item) for item in texts]

    tables = {
        "decisions": "decision_id, person, at, book_version, outcome, inputs, trace, answer",
        "requests": "decision_id, request_id",
        "contacts": "decision_id, person, at, position, state, expires_at, channel, campaign, alike",
        "holdings": "decision_id, position, counter, counted",
    }
    rows = {
        name: sorted(map(shown, log.rows(f"SELECT {columns} FROM {name}")))
        for name, columns in tables.items()
    }
    return [rows, sorted(log.rows("SELECT counter, period, sum(used) FROM counters GROUP BY 1, 2"))]


def challenges(log: Log, columns: str = "count(*)") -> list[tuple[Any, ...]]:
    """Rows of the challenger."""
    return log.rows(f"SELECT {columns} FROM challenges")


def has_more(log: Log, number: int) -> bool:
    """Whether more than so many decisions were challenged."""
    return bool(challenges(log)[0][0] > number)


def test_the_live_book_is_not_touched(any_log: Log, tmp_path: Path) -> None:
    """Answers and rows are the same with and without a challenger; it decides as one step of a diff, and is counted."""
    live, strict = write_book(tmp_path / "live", LIVE), write_book(tmp_path / "strict", STRICT)
    sent, port = list(requests()), free_port()
    options = ("--allow-simulated-now",)
    alone = sqlite_log(tmp_path / "alone")
    with serving(live, alone, *options) as server:
        expected = decide(server, sent)
        assert server.stop() == 0
    with serving(live, any_log, *options, "--challenger", str(strict), "--metrics-port", str(port)) as server:
        assert [value(port, METRIC, result=result) for result in RESULTS] == [0, 0, 0, 0]
        assert decide(server, sent) == expected
        decide(server, sent[:6])  # retries get the same answers, and are not challenged again
        until(lambda: sum(value(port, METRIC, result=result) for result in RESULTS) >= len(sent), server)
        counts = {result: value(port, METRIC, result=result) for result in RESULTS}
        assert server.stop() == 0
    assert live_rows(any_log) == live_rows(alone)
    assert challenges(any_log) == [(len(sent),)]
    store = open_store(any_log.url)
    pair = compiled_book(tmp_path / "live", LIVE), compiled_book(tmp_path / "strict", STRICT)
    compared = diff_log(store, pair, books=Books(store))
    (challenged,) = read_challenges(store).values()
    store.close()
    assert compared.undecidable == {}
    assert challenged.changes == compared.one_step.changes
    assert challenged.agreed == compared.one_step.same
    assert challenged.changes.total() > 5
    assert counts == {
        "agreed": challenged.agreed,
        "differed": challenged.changes.total(),
        "dropped": 0,
        "failed": 0,
    }
    assert dict(any_log.rows("SELECT version, text FROM books")).keys() == {
        version_of(live),
        version_of(strict),
    }
    _check_commands(any_log, tmp_path, len(sent))


def _check_commands(log: Log, tmp_path: Path, number: int) -> None:
    """`tact diff --challenger` prints what the table holds; replays leave it alone; exports have it."""
    runner = CliRunner()
    printed = runner.invoke(app, ["diff", "--challenger", "--log", log.url, "--json"])
    (book,) = json.loads(printed.stdout)["challenges"]
    assert book["decisions"] == number == book["agreed"] + book["changed"]
    assert {"from": "tea-time on sms", "to": "blocked"}.items() <= book["changes"][0].items()
    shown = runner.invoke(app, ["diff", "--challenger", "--log", log.url]).stdout
    assert f"{number} decisions of 5 persons" in shown
    replayed = runner.invoke(app, ["replay", "--log", log.url, "--json"])
    assert replayed.exit_code == 0, replayed.stdout
    assert runner.invoke(app, ["export", "--log", log.url, str(tmp_path / "out")]).exit_code == 0
    assert list((tmp_path / "out" / "challenges").glob("*.parquet"))


def test_attributes_that_only_the_challenger_reads(tmp_path: Path) -> None:
    """They are logged of the challenger, masked as its book says; a placement that it has not is a failure that is said."""
    log = sqlite_log(tmp_path)
    live, port = write_book(tmp_path / "live", LIVE), free_port()
    curious = write_book(tmp_path / "curious", CURIOUS.replace("placements: {hero", "placements: {corner"))
    with (
        serving(
            live, log, "--allow-simulated-now", "--challenger", str(curious), "--metrics-port", str(port)
        ) as server,
        Client(server.target, timeout=120) as client,
    ):
        sent = list(requests(1))
        client.decide(request("nobody", placement="hero"))
        client.decide(request("nobody", mode="preview"))
        decide(server, sent)
        until(lambda: value(port, METRIC, result="failed") == 1, server)
        until(lambda: challenges(log) == [(len(sent),)], server)
        said(server, "the challenger could not decide")
        assert server.stop() == 0
    inputs = {person: json.loads(text) for person, text in challenges(log, "person, inputs")}
    assert inputs["person-2"]["attributes"]["profile.shoe"] == 38
    assert inputs["person-3"]["masked"] == ["profile.allergy", "profile.phone"]
    assert "nuts" not in str(challenges(log, "inputs, trace, answer"))
    logged = {person: json.loads(text) for person, text in log.rows("SELECT person, inputs FROM decisions")}
    assert "profile.shoe" not in logged["person-2"]["attributes"]
    outcomes = dict(challenges(log, "person, coalesce(campaign, outcome)"))
    assert (outcomes["person-0"], outcomes["person-1"]) == ("nothing", "nothing")


def test_overload_drops_the_challenger_first(tmp_path: Path) -> None:
    """What its queue has no room for is dropped and counted; every caller gets an answer."""
    log, port = sqlite_log(tmp_path), free_port()
    live, strict = write_book(tmp_path / "live", LIVE), write_book(tmp_path / "strict", STRICT)
    with (
        serving(live, log, "--challenger", str(strict), "--metrics-port", str(port)) as server,
        Client(server.target, timeout=120) as client,
    ):
        batch = [request(f"person-{number}", profile={"phone": "1", "age": 40}) for number in range(700)]
        assert all(item.decision_id for item in client.decide_batch(batch))
        until(lambda: sum(value(port, METRIC, result=result) for result in RESULTS) == 700, server)
        assert value(port, METRIC, result="dropped") == 700 - 256
        assert value(port, METRIC, result="failed") == 0
        assert value(port, "tact_ready") == 1
        assert server.stop() == 0
    assert challenges(log) == [(256,)]


def test_killed(tmp_path: Path) -> None:
    """After a crash at any moment each decision has at most one challenge, whole; the live log is replayed as it was."""
    log = sqlite_log(tmp_path)
    live, strict = write_book(tmp_path / "live", LIVE), write_book(tmp_path / "strict", STRICT)
    for start in range(3):
        with (
            serving(live, log, "--challenger", str(strict)) as server,
            Client(server.target, timeout=120) as client,
        ):
            batch = [
                request(f"person-{start}-{number}", profile={"phone": "1", "age": 40})
                for number in range(200)
            ]
            client.decide_batch(batch)
            until(partial(has_more, log, 32 * start), server)
            server.kill()
    ((number,),) = challenges(log)
    assert number > 0
    joined = (
        "FROM challenges AS c JOIN decisions AS d ON d.decision_id = c.decision_id AND d.person = c.person"
    )
    assert log.rows(f"SELECT count(*) {joined}") == [(number,)]
    assert CliRunner().invoke(app, ["replay", "--log", log.url]).exit_code == 0


def test_the_same_book_decides_the_same(any_log: Log, tmp_path: Path) -> None:
    """With everything on, the live book as its own challenger writes the same inputs, trace and answer, byte by byte."""
    book, rng = write_book(tmp_path / "book", EVERYTHING), Random(14)
    options = ("--allow-simulated-now", "--challenger", str(book))
    with serving(book, any_log, *options) as server, Client(server.target, timeout=120) as client:
        for step in range(12):
            now = STARTED + timedelta(hours=7 * step)
            client.record(
                [
                    recorded(
                        f"person-{rng.randrange(6)}",
                        rng.choice(("view", "add_to_cart", "purchase")),
                        now - timedelta(seconds=number),
                        event_id=f"e-{step}-{number}",
                        item="cream",
                        category="cream",
                        value=3.0,
                    )
                    for number in range(8)
                ],
                now=now,
            ).raise_for_errors()
            client.decide_batch([visit(rng, f"person-{number}", now) for number in range(6)])
            until(partial(has_more, any_log, 6 * step + 5), server)
        assert server.stop() == 0
    columns = ("outcome", "campaign", "offer", "variant", "channel", "inputs", "trace", "answer")
    rows = any_log.rows(
        f"SELECT {', '.join(f'{table}.{column}' for table in 'cd' for column in columns)}"
        " FROM challenges AS c JOIN decisions AS d ON d.decision_id = c.decision_id ORDER BY c.decision_id"
    )
    assert len(rows) == 72
    assert [row[:8] for row in rows] == [row[8:] for row in rows]
    assert len({row[1] for row in rows}) > 3
    assert any('"remembered"' in row[5] for row in rows)


def visit(rng: Random, customer: str, now: datetime) -> DecideRequest:
    """A visitor with what the book reads."""
    return request(
        customer,
        profile={"score": rng.choice((0.1, 0.9)), "age": 30, "tier": "gold", "mail": "a@example.com"},
        consents=["mail"],
        time_zone="Europe/Paris",
        location={"latitude": 48.85, "longitude": 2.35},
        weather={"condition": rng.choice(("snow", "clear"))},
        placement=rng.choice(("hero", None)),
        max_offers=2,
        now=now,
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_reload(workers: str, tmp_path: Path) -> None:
    """A changed challenger decides from then on; a broken one is refused, and the one before it stays."""
    log = sqlite_log(tmp_path)
    live, other = write_book(tmp_path / "live", LIVE), write_book(tmp_path / "other", STRICT)
    first = version_of(other)
    with serving(live, log, "--challenger", str(other), "--workers", workers) as server:

        def challenged_by() -> str:
            """The version that decided last, after one more request."""
            before = challenges(log)[0][0]
            with Client(server.target, timeout=120) as client:
                client.decide(request("ada", profile={"phone": "1", "age": 40}))
            until(lambda: challenges(log)[0][0] > before, server)
            return str(challenges(log, "book_version, max(decision_id)")[0][0])

        assert challenged_by() == first
        write_book(other, STRICT.replace("limit: 1", "limit: nought"))
        server.process.send_signal(signal.SIGHUP)
        assert "role=challenger" in said(server, "book refused")[0]
        assert challenged_by() == first
        second = version_of(write_book(other, STRICT.replace("limit: 1", "limit: 3")))
        server.process.send_signal(signal.SIGHUP)
        said(server, "challenger loaded")
        until(lambda: challenged_by() == second, server)
        assert server.stop() == 0
