"""What `tact explain` prints, word for word, of every example book; and how it is asked."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli import app
from engine.client import Client
from tests.books import SPRING, write_book
from tests.requests import li_na
from tests.servers import serving

RULES = Path(__file__).parents[2] / "rules"
GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(GOLDEN.glob("*/*.yaml"))
LI_NA = """
customer: li-na
profile: {openid: o-1, phone: "138", first_name: Li Na}
consents: [wechat, sms]
weather: {temperature_c: 3.0, humidity_pct: 30.0}
"""


def run(*arguments: object) -> Result:
    """The command's end, on a wide screen without colours."""
    return CliRunner(env={"COLUMNS": "150", "NO_COLOR": "1"}).invoke(app, ["explain", *map(str, arguments)])


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_it_prints_what_is_written(case: Path, rewrite: bool) -> None:
    """Stage, margin, tests with values seen, and the verified changes, as the golden file has them."""
    result = run(RULES / case.parent.name, "--context", case)
    assert result.exit_code == 0, result.output
    wanted = case.with_suffix(".txt")
    if rewrite:
        wanted.write_text(result.stdout, encoding="utf-8")
    assert result.stdout == wanted.read_text(encoding="utf-8")


def test_every_book_is_explained() -> None:
    """There is a golden file of each book below rules/."""
    books = {path.name for path in RULES.iterdir() if path.is_dir()}
    assert {case.parent.name for case in CASES} == books


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A file with a customer."""
    path = tmp_path / "context.yaml"
    path.write_text(LI_NA, encoding="utf-8")
    return path


def test_json_for_one_campaign(tmp_path: Path, context: Path) -> None:
    """Machines get an ExplainResponse, with the campaigns that were asked for only."""
    book = write_book(tmp_path / "book")
    result = run(book, "--context", context, "--json", "--campaign", "lotion-mild")
    (campaign,) = json.loads(result.stdout)["campaigns"]
    (counterfactual, *_) = campaign["flips"]
    assert (campaign["campaign"], campaign["reason"]["code"]) == ("lotion-mild", "REASON_CODE_NOT_ELIGIBLE")
    assert (counterfactual["kind"], counterfactual["name"], counterfactual["before"]) == (
        "CHANGE_KIND_ATTRIBUTE",
        "weather.temperature_c",
        "3.0",
    )
    assert campaign["searched"] is True


def test_sentences(tmp_path: Path, context: Path) -> None:
    """A sentence a campaign says what became of it and what would change that."""
    result = run(write_book(tmp_path / "book"), "--context", context, "--sentences")
    lines = result.stdout.splitlines()
    assert lines[1] == "cream-cold is chosen, on wechat with a score of 5."
    assert lines[2] == (
        "lotion-mild does not fit: weather.temperature_c gte 10 does not hold, it is 3; "
        "profile.interests has lotion does not hold, it is missing. "
        "It would be chosen if weather.temperature_c were 10 instead of 3."
    )


def test_what_is_wrong_with_the_question(tmp_path: Path, context: Path) -> None:
    """A campaign that does not exist is an error of usage; a server that does not answer is not."""
    book = write_book(tmp_path / "book")
    unknown = run(book, "--context", context, "--campaign", "cream-old")
    message = "tact: there is no campaign 'cream-old' in the book; did you mean 'cream-cold'?\n"
    assert (unknown.exit_code, unknown.stderr) == (2, message)
    away = run(book, "--context", context, "--server", "127.0.0.1:1")
    assert away.exit_code == 1
    assert away.stderr.startswith("tact: 127.0.0.1:1: ")


def test_ignored_names_are_printed(tmp_path: Path) -> None:
    """Attributes that the server's book does not declare, though the book at hand does, are named with what was meant."""
    served = write_book(tmp_path / "served")
    newer = SPRING.replace("attributes:\n", "attributes:\n  profile.frist_name: {type: text}\n", 1)
    book, context = write_book(tmp_path / "book", newer), tmp_path / "newer.yaml"
    context.write_text(LI_NA.replace("first_name: Li Na", "frist_name: Li Na, age: 30"), encoding="utf-8")
    line = "ignored: the book declares no attribute 'frist_name'; did you mean 'first_name'?"
    with serving(served, tmp_path / "tact.db") as server:
        arguments = (book, "--context", context, "--server", server.target)
        assert [text for text in run(*arguments).stdout.splitlines() if "ignored" in text] == [line]
        answer = json.loads(run(*arguments, "--json").stdout)
    assert answer["response"]["ignored"] == [{"name": "frist_name", "meant": "first_name"}]


def test_a_decision_of_a_log(tmp_path: Path, context: Path) -> None:
    """Looked up in a log by its id it is explained without a server; where there is no log or no such decision it says so."""
    book, log = write_book(tmp_path / "book"), tmp_path / "tact.db"
    with serving(book, log) as server, Client(server.target, timeout=60) as client:
        made = client.decide(li_na())
    where = ("--log", f"sqlite:///{log}")
    result = run(book, "--decision", made.decision_id, *where, "--json")
    answer = json.loads(result.stdout)
    assert answer["response"]["decision_id"] == made.decision_id
    assert [campaign["campaign"] for campaign in answer["campaigns"]] == [
        "allergy-care",
        "cream-cold",
        "lotion-mild",
        "points-expire",
    ]
    other = write_book(tmp_path / "other", SPRING.replace("value: 8", "value: 9"))
    explained = run(other, "--decision", made.decision_id, *where)
    assert "note: it was made by version" in explained.stdout
    assert "cream-cold is chosen" in explained.stdout
    for wrong, message in (
        (("--decision", "x", *where), "the log holds no decision 'x'"),
        (("--decision", "x"), "a decision is in a log: give --log"),
        (("--decision", "x", "--log", f"sqlite:///{tmp_path}/none.db"), "there is no log at"),
        ((), "give either --context"),
        (("--decision", "x", "--context", context), "give either --context"),
    ):
        failed = run(book, *wrong)
        assert failed.exit_code == 2
        assert message in failed.stderr


def test_names_that_a_server_does_not_know(tmp_path: Path, context: Path) -> None:
    """They are errors of usage as without a server, with what was meant: for a customer, a logged decision, in a log."""
    book, log = write_book(tmp_path / "book"), tmp_path / "tact.db"
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(f"{LI_NA}placement: herro\n", encoding="utf-8")
    faxed = tmp_path / "faxed.yaml"
    faxed.write_text(f"{LI_NA}channels: [smss]\n", encoding="utf-8")
    with serving(book, log) as server, Client(server.target, timeout=60) as client:
        made = client.decide(li_na()).decision_id
        at = ("--server", server.target)
        for arguments, message in (
            (("--context", context, "--campaign", "cream-old", *at), "did you mean 'cream-cold'?"),
            (("--decision", made, "--campaign", "cream-old", *at), "did you mean 'cream-cold'?"),
            (
                ("--context", elsewhere, *at),
                "did you mean 'hero'?",
            ),
            (("--context", faxed, *at), "did you mean 'sms'?"),
            (("--decision", "x", *at), "the log holds no decision 'x'"),
        ):
            failed = run(book, *arguments)
            assert (failed.exit_code, failed.stdout) == (2, "")
            assert message in failed.stderr
        assert run(book, "--decision", made, "--campaign", "cream-cold", *at).exit_code == 0
    here = ("--log", f"sqlite:///{log}")
    failed = run(book, "--decision", made, "--campaign", "cream-old", *here)
    assert (failed.exit_code, failed.stdout) == (2, "")
    assert "did you mean 'cream-cold'?" in failed.stderr
    other = write_book(tmp_path / "other", SPRING.replace("value: 8", "value: 9"))
    result = run(other, "--decision", made, "--campaign", "lotion-mild", *here)
    assert (result.exit_code, "the log does not list lotion-mild among the candidates" in result.stdout) == (
        0,
        True,
    )


def test_a_contact_that_lapsed(tmp_path: Path, context: Path) -> None:
    """The cap that a message passed though another was sent says which contact lapsed, and when."""
    book = tmp_path / "book"
    write_book(book, SPRING.replace("hold: 24h", "hold: 1h"))
    context.write_text(LI_NA.replace("[wechat, sms]", "[sms]"), encoding="utf-8")
    sent = datetime(2026, 3, 10, 2, tzinfo=UTC)
    log = tmp_path / "tact.db"
    with (
        serving(book, log, "--allow-simulated-now") as server,
        Client(server.target, timeout=60) as client,
    ):
        client.decide(li_na(consents=["sms"], now=sent))
        second = client.decide(li_na(consents=["sms"], now=sent + timedelta(hours=1)))
    result = run(book, "--decision", second.decision_id, "--log", f"sqlite:///{log}")
    lapsed = "the contact of 2026-03-10T10:00+08:00 lapsed unreported at 2026-03-10T11:00+08:00"
    assert f"cap weekly on sms: 0 of 2 in rolling 7d, lets it pass: {lapsed}" in result.stdout
    assert f"; cap weekly, 0 of 2 in rolling 7d: {lapsed}" in result.stdout


def test_a_server_knows_the_history(tmp_path: Path, context: Path) -> None:
    """Asked at a server, a customer who was contacted enough is told the rule, and the moment from which it may go."""
    book = write_book(tmp_path / "book")
    with serving(book, tmp_path / "tact.db") as server:
        with Client(server.target, timeout=60) as client:
            first = client.decide(li_na())
            client.decide(li_na())
        result = run(book, "--context", context, "--server", server.target, "--json")
    cream = next(
        campaign
        for campaign in json.loads(result.stdout)["campaigns"]
        if campaign["campaign"] == "cream-cold"
    )
    counterfactual = cream["flips"][0]
    assert cream["reason"] == {"code": "REASON_CODE_CAPPED", "name": "weekly"}
    assert (counterfactual["kind"], counterfactual["then"]["code"]) == (
        "CHANGE_KIND_TIME",
        "REASON_CODE_CHOSEN",
    )
    week = first.decided_at.ToMilliseconds() + 7 * 86_400_000
    assert counterfactual["after"].startswith(_utc(week))


def _utc(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")[:23]
