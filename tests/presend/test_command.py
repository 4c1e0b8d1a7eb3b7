"""`tact presend --out`, its status and its result, as users call them."""

import csv
import json
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from engine.batch.profiles import Profiles
from engine.cli import app
from engine.ledger.queries import presends
from engine.ledger.store.open import open_store
from engine.presend.parts import PartSender
from engine.presend.rows import SendPlan
from engine.presend.run import RunRefused, begin, own_folder, run_row
from tests.books import write_book
from tests.logs import Log, sqlite_log
from tests.presend.kit import BOOK, crowd

NOW = ("--now", "2026-03-10T11:00")


def tact(*words: object) -> Result:
    """The command's end."""
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """The shop's book."""
    return write_book(tmp_path / "book", BOOK)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Three hundred customers."""
    return crowd(tmp_path, 300)


def send(book: Path, people: Path, log: Log, out: Path, *words: object) -> Result:
    """Sends to the people."""
    return tact("presend", book, people, "--out", out, "--log", log.url, *NOW, *words)


def test_sends_lists_and_hands_over(book: Path, people: Path, any_log: Log, tmp_path: Path) -> None:
    """What is printed is what lies in the log and in the files; the sender's file has each offer once."""
    result = send(book, people, any_log, tmp_path / "out", "--json", "--group", 64)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["people"], report["decided"]) == (300, 300)
    sent = {form["campaign"]: 0 for form in report["forms"]}
    for form in report["forms"]:
        sent[form["campaign"]] += form["people"]
    assert dict(any_log.rows("SELECT campaign, count(*) FROM contacts GROUP BY campaign")) == sent
    assert any_log.rows("SELECT DISTINCT run FROM decisions") == [(report["run"],)]
    status = json.loads(tact("presend-status", "--log", any_log.url, "--json").stdout)
    assert [(run["run"], run["decided"], run["is_finished"]) for run in status["runs"]] == [
        (report["run"], 300, True)
    ]
    assert "rare" in tact("presend-status", report["run"], "--log", any_log.url).stdout
    words = ("presend-result", report["run"], "--from", tmp_path / "out", "--log", any_log.url)
    assert tact(*words, "--to", tmp_path / "offers.csv").exit_code == 0
    with (tmp_path / "offers.csv").open(newline="") as stream:
        offers = list(csv.DictReader(stream))
    assert len({offer["customer"] for offer in offers}) == len(offers) == report["outcomes"]["offer"]
    ids = {decision_id for (decision_id,) in any_log.rows("SELECT decision_id FROM decisions")}
    assert {offer["decision_id"] for offer in offers} < ids
    assert tact(*words, "--to", tmp_path / "all.parquet", "--all").exit_code == 0
    everybody = pq.read_table(tmp_path / "all.parquet")
    outcomes = Counter(everybody["outcome"].to_pylist())
    assert outcomes == {name: number for name, number in report["outcomes"].items() if number}
    narrow = tact(*words, "--to", tmp_path / "sms.csv", "--channel", "sms", "--campaign", "soap")
    assert narrow.stdout.startswith(
        f"{sum(form['people'] for form in report['forms'] if (form['campaign'], form['outcome']) == ('soap', 'offer'))} "
    )


def test_again_is_the_same_run(book: Path, people: Path, tmp_path: Path) -> None:
    """A run that is done is shown and nothing is sent twice; other people, books and moments are other runs."""
    log = sqlite_log(tmp_path)
    assert send(book, people, log, tmp_path / "out", "--run", "spring").exit_code == 0
    contacts = log.rows("SELECT count(*) FROM contacts")
    assert send(book, people, log, tmp_path / "out", "--run", "spring").exit_code == 0
    assert log.rows("SELECT count(*) FROM contacts") == contacts
    (tmp_path / "other").mkdir()
    others = crowd(tmp_path / "other", 20, seed=9)
    refused = send(book, others, log, tmp_path / "out2", "--run", "spring")
    assert refused.exit_code == 2
    assert "the run spring was started with another population: name another by --run" in refused.stderr
    changed = write_book(tmp_path / "changed", BOOK.replace("value: 9", "value: 8"))
    refused = send(changed, people, log, tmp_path / "out", "--run", "spring", "--content")
    assert "another version of the book and other settings" in refused.stderr
    later = tact(
        "presend",
        book,
        people,
        "--out",
        tmp_path / "out",
        "--log",
        log.url,
        "--run",
        "spring",
        "--now",
        "2026-03-11T11:00",
    )
    assert "another moment" in later.stderr


def test_texts_are_written_if_asked(book: Path, people: Path, tmp_path: Path) -> None:
    """`--content` renders the texts of offers; the log holds none."""
    log = sqlite_log(tmp_path)
    report = json.loads(send(book, people, log, tmp_path / "out", "--content", "--json").stdout)
    table = pq.read_table(tmp_path / "out" / report["files"][0]).to_pylist()
    texts = {
        dict(row["content"])["text"]
        for row in table
        if row["campaign"] == "cream" and row["outcome"] == "offer"
    }
    assert texts == {"Cream for Lyon", "Cream for Nice", "Cream for Metz", "Cream"}
    assert not log.rows("SELECT 1 FROM decisions WHERE answer LIKE '%Lyon%'")


def test_full_rows_are_made_again(book: Path, people: Path, tmp_path: Path) -> None:
    """`--full-log` keeps what replaying takes; thin rows say that they cannot be made again, and of what they are."""
    log = sqlite_log(tmp_path)
    send(book, people, log, tmp_path / "thin", "--run", "thin")
    replayed = json.loads(tact("replay", "--log", log.url, "--json").stdout)
    number = log.rows("SELECT count(*) FROM decisions")[0][0]
    assert (replayed["not_replayable"], replayed["different"]) == (number, 0)
    (decision_id,) = log.rows("SELECT min(decision_id) FROM decisions")[0]
    explained = tact("explain", book, "--decision", decision_id, "--log", log.url)
    assert "kept neither inputs nor candidates" in explained.stdout
    (tmp_path / "full").mkdir()
    full = sqlite_log(tmp_path / "full")
    send(book, people, full, tmp_path / "out", "--full-log")
    replayed = json.loads(tact("replay", "--log", full.url, "--json").stdout)
    assert (replayed["equal"], replayed["not_replayable"], replayed["different"]) == (number, 0, 0)


def test_several_processes(book: Path, people: Path, tmp_path: Path) -> None:
    """Parts are shared out among processes, and each has its file."""
    log = sqlite_log(tmp_path)
    result = send(book, people, log, tmp_path / "out", "--workers", 2, "--part", 40)
    assert result.exit_code == 0, result.stderr
    assert log.rows("SELECT sum(customers), count(DISTINCT part) FROM presend_pieces") == [(300, 8)]
    assert len(list((tmp_path / "out").glob("part-*.parquet"))) == 8


@contextmanager
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ctrl-C after each group that is committed meanwhile."""
    commit = PartSender._commit

    def interrupt(*arguments: object) -> None:
        commit(*arguments)  # type: ignore[arg-type]
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(PartSender, "_commit", interrupt)
        yield


def test_an_interrupted_run_goes_on(
    book: Path, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends the command after the group under way, with 130; the same command sends the rest."""
    log = sqlite_log(tmp_path)
    with interrupted(monkeypatch):
        result = send(book, people, log, tmp_path / "out", "--group", 70)
    assert result.exit_code == 130
    assert "interrupted: 70 of 300 are decided; the same command goes on" in result.stderr
    status = tact("presend-status", "--log", log.url).stdout
    assert "not finished" in status
    again = tact("presend", book, people, "--out", tmp_path / "out", "--log", log.url)
    assert again.exit_code == 0
    assert "going on with the run shop-2026-03-10-" in again.stderr
    assert log.rows("SELECT sum(customers), count(DISTINCT run) FROM presend_pieces") == [(300, 1)]


def test_a_folder_is_of_one_run(book: Path, people: Path, tmp_path: Path) -> None:
    """Another run needs another folder; a run that another process works on is left to it."""
    log = sqlite_log(tmp_path)
    assert send(book, people, log, tmp_path / "out", "--run", "spring").exit_code == 0
    refused = send(book, people, log, tmp_path / "out", "--run", "autumn")
    assert refused.exit_code == 2
    assert "holds the run spring: name another folder by --out" in refused.stderr
    with own_folder(tmp_path / "out", "spring"):
        refused = send(book, people, log, tmp_path / "out", "--run", "spring")
    assert "another process works on the run" in refused.stderr


def test_a_folder_without_decisions_is_free_again(book: Path, tmp_path: Path) -> None:
    """People that were refused do not keep the folder: it is there for the file that is mended."""
    log, people = sqlite_log(tmp_path), tmp_path / "people.csv"
    people.write_text("customer,profile.score\nann,x\n", encoding="utf-8")
    assert send(book, people, log, tmp_path / "out").exit_code == 5
    people.write_text("customer,profile.score\nann,0.5\n", encoding="utf-8")
    assert send(book, people, log, tmp_path / "out").exit_code == 0


def test_a_run_goes_on_in_its_folder_only(
    book: Path, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere its files are not, and nobody is decided; in its folder it is brought to its end."""
    log = sqlite_log(tmp_path)
    with interrupted(monkeypatch):
        assert send(book, people, log, tmp_path / "out", "--run", "spring", "--group", 70).exit_code == 130
    refused = send(book, people, log, tmp_path / "other", "--run", "spring")
    assert refused.exit_code == 2
    assert "the run spring was started with another folder: name it by --out" in refused.stderr
    (piece,) = (tmp_path / "out").glob("piece-*")
    hidden = piece.rename(tmp_path / piece.name)
    refused = send(book, people, log, tmp_path / "out", "--run", "spring")
    assert f"lacks {piece.name}, which the run spring has written" in refused.stderr
    assert log.rows("SELECT sum(customers) FROM presend_pieces") == [(70,)]
    hidden.rename(piece)
    moved = (tmp_path / "out").rename(tmp_path / "moved")
    assert send(book, people, log, moved, "--run", "spring").exit_code == 0


def test_a_run_begins_in_one_folder(tmp_path: Path) -> None:
    """Of two processes that begin it at once the second is refused before anybody is decided; what is over is found again."""
    log = sqlite_log(tmp_path)
    row = run_row("v", SendPlan("spring", 1), 2, "f", 3, 4)
    with (
        own_folder(tmp_path / "a", "spring") as first,
        own_folder(tmp_path / "b", "spring") as second,
        closing(open_store(log.url)) as store,
    ):
        assert begin(store, row, first).settings == begin(store, row, first).settings
        with pytest.raises(RunRefused, match="another folder: name it by --out"):
            begin(store, row, second)
        with pytest.raises(RunRefused, match="with other settings"):
            begin(store, row._replace(settings='{"part": 9}'), first)
        with store.transaction():
            presends.finish(store, "spring", 5)
        assert begin(store, row, second).finished_at == 5


def test_folders_of_the_version_before_go_on(tmp_path: Path) -> None:
    """They hold the name of the run alone, and the run knows of no folder."""
    log, folder = sqlite_log(tmp_path), tmp_path / "out"
    folder.mkdir()
    (folder / "_run").write_text("spring\n", encoding="utf-8")
    row = run_row("v", SendPlan("spring", 1), 2, "f", 3, 4)
    with closing(open_store(log.url)) as store:
        begin(store, row)
        identities = []
        for _ in range(2):
            with own_folder(folder, "spring") as identity:
                assert begin(store, row, identity).run == "spring"
            identities.append(identity)
    assert identities[0] == identities[1] != ""


@pytest.mark.parametrize("name", [" ", "spring ", "new\nline", "x" * 201, "bell\a"])
def test_names_of_runs_can_be_read(book: Path, people: Path, tmp_path: Path, name: str) -> None:
    """A name that nobody could see or repeat is refused before anything is kept."""
    log = sqlite_log(tmp_path)
    refused = send(book, people, log, tmp_path / "out", "--run", name)
    assert refused.exit_code == 2
    assert "a run's name needs 1 to 200 characters that can be seen" in refused.stderr
    assert not (tmp_path / "out").exists()
    assert log.rows("SELECT count(*) FROM presend_runs") == [(0,)]


def test_folders_and_files_are_told_apart(book: Path, people: Path, tmp_path: Path) -> None:
    """`--out` that is a file, `--to` that is a folder or in none, a part that no file could hold."""
    log = sqlite_log(tmp_path)
    assert f"{people} is a file: name a folder by --out" in send(book, people, log, people).stderr
    assert send(book, people, log, tmp_path / "out", "--part", 10**20).exit_code == 2
    assert send(book, people, log, tmp_path / "out", "--run", "spring").exit_code == 0
    words = ("presend-result", "spring", "--from", tmp_path / "out", "--log", log.url)
    (tmp_path / "dir.csv").mkdir()
    assert "dir.csv is a folder: name a file by --to" in tact(*words, "--to", tmp_path / "dir.csv").stderr
    assert "there is no folder" in tact(*words, "--to", tmp_path / "none" / "x.csv").stderr
    own = next((tmp_path / "out").glob("part-*.parquet"))
    assert "is a file of the run itself: name another by --to" in tact(*words, "--to", own).stderr
    misspelt = tact(*words, "--to", tmp_path / "x.csv", "--campaign", "saop")
    assert misspelt.stdout.startswith("0 customers")
    assert "the run sent nothing of saop; it sent of cream" in misspelt.stderr


def test_people_that_do_not_fit_send_nothing(book: Path, tmp_path: Path) -> None:
    """Row and column of each fault, 20 of them, and how many there are; the log stays empty."""
    log = sqlite_log(tmp_path)
    rows = "".join(f"c{at},{'x' if at % 2 else at / 100}\n" for at in range(60))
    (tmp_path / "bad.csv").write_text(f"customer,profile.score\n{rows}c1,0.5\n", encoding="utf-8")
    result = send(book, tmp_path / "bad.csv", log, tmp_path / "out")
    assert result.exit_code == 5
    lines = result.stderr.splitlines()
    assert lines[0] == "row 3, column profile.score: needs a number, not 'x'"
    assert lines[20] == "and 10 more"
    assert lines[21].endswith("does not fit the book: 30 faults")
    assert log.rows("SELECT count(*) FROM presend_runs") == [(0,)]


def test_a_difference_stops_the_run(
    book: Path, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 6, with the customer's name, and nothing of the group is kept."""
    log = sqlite_log(tmp_path)
    monkeypatch.setattr(Profiles, "may_go", lambda self, profiles: profiles < 0)
    result = send(book, people, log, tmp_path / "out")
    assert result.exit_code == 6
    assert "the columns say" in result.stderr
    assert log.rows("SELECT count(*) FROM contacts") == [(0,)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("presend", "BOOK", "PEOPLE"), "give --out DIR to send"),
        (("presend", "BOOK", "PEOPLE", "--out", "OUT", "--preview"), "give --out DIR to send"),
        (
            ("presend", "BOOK", "PEOPLE", "--preview", "--workers", "1"),
            "--workers changes nothing with --preview",
        ),
        (
            ("presend", "BOOK", "PEOPLE", "--out", "OUT", "--explain-lanes"),
            "--explain-lanes changes nothing with --out",
        ),
        (
            ("presend", "BOOK", "PEOPLE", "--out", "OUT", "--spark", "local[2]"),
            "--spark changes nothing with --engine local",
        ),
        (
            ("presend", "BOOK", "PEOPLE", "--out", "OUT", "--now", "2026-03-29T02:30"),
            "--now 2026-03-29T02:30: a time without zone",
        ),
        (("presend", "BOOK", "PEOPLE", "--out", "OUT", "--log", "mysql://x"), "the log's URL must be"),
        (("presend", "BOOK", "none.csv", "--out", "OUT", "--log", "LOG"), "none.csv: No such file"),
        (("presend-status", "spring", "--log", "sqlite:///none/tact.db"), "there is no log at"),
        (
            ("presend-result", "spring", "--from", "OUT", "--to", "x.txt", "--log", "LOG"),
            "must end in .csv or .parquet",
        ),
    ],
)
def test_wrong_calls(book: Path, people: Path, tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    """Exit code 2, and what is wrong."""
    named = {"BOOK": book, "PEOPLE": people, "OUT": tmp_path / "out", "LOG": sqlite_log(tmp_path).url}
    result = tact(*(named.get(word, word) for word in words))
    assert result.exit_code == 2
    assert message in result.stderr


def test_files_are_checked_against_the_log(book: Path, people: Path, tmp_path: Path) -> None:
    """A file of the run that is missing or changed, and a run that is not there or not finished, are refused."""
    log = sqlite_log(tmp_path)
    report = json.loads(send(book, people, log, tmp_path / "out", "--json", "--run", "spring").stdout)
    words = (
        "presend-result",
        "spring",
        "--from",
        tmp_path / "out",
        "--to",
        tmp_path / "x.csv",
        "--log",
        log.url,
    )
    file = tmp_path / "out" / report["files"][0]
    content = file.read_bytes()
    file.write_bytes(content + b"x")
    assert "is not the file that was committed" in tact(*words).stderr
    file.unlink()
    assert "is not there" in tact(*words).stderr
    assert not (tmp_path / "x.csv").exists()
    assert "there is no run autumn" in tact("presend-status", "autumn", "--log", log.url).stderr
    log.execute("UPDATE presend_runs SET finished_at = NULL")
    file.write_bytes(content)
    assert "is not finished" in tact(*words).stderr
    assert tact(*words, "--partial").exit_code == 0
