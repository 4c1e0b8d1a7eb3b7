"""What another book would have decided: one step and rolled on, from logs on both stores."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

from typer.testing import CliRunner

from engine.cli import app
from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.explain.books import Books
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.measure.diff import BookDiff, diff_log
from engine.model.instant import DAY, from_datetime
from engine.model.request import Request
from engine.model.values import Attributes
from tests.books import compiled_book
from tests.logs import Log, sqlite_log
from tests.measure.busy import BUSY, Visits

TEA = dedent("""
    book: {name: tea, timezone: UTC, salt: s}
    attributes:
      profile.phone: {type: text}
      profile.age: {type: integer}
      profile.shoe: {type: integer}
    channels:
      sms: {kind: outbound, address: profile.phone, consent: not_needed}
    offers:
      tea: {name: Tea, stock: 100, content: {default: {text: Tea}}}
      cake: {name: Cake, value: 0.5, content: {default: {text: Cake}}}
    campaigns:
      tea-time: {offer: tea, when: {profile.age: {gte: 18}}, channels: [sms]}
      cake-time: {offer: cake, channels: [sms]}
    pressure:
      caps: {weekly: {limit: 2, per: rolling 7d}}
""")
STARTED = from_datetime(datetime(2026, 3, 2, 10, tzinfo=UTC))
AGES = {"ada": 30, "lise": 40, "tom": 10}


def decide(compiled: CompiledBook, log: Log, days: int) -> None:
    """Decides three persons once a day."""
    ledger = Ledger(open_store(log.url))

    async def run() -> None:
        engine = Engine(compiled, ledger)
        await engine.keep_book(STARTED)
        for day in range(days):
            for customer, age in AGES.items():
                attributes: Attributes = {"profile.phone": f"+{age}", "profile.age": age}
                await engine.decide(Request(customer, STARTED + day * DAY, attributes))

    try:
        asyncio.run(run())
    finally:
        ledger.close()


def compare(log: Log, old: CompiledBook, new: CompiledBook) -> BookDiff:
    """The books compared on the log."""
    store = open_store(log.url)
    try:
        return diff_log(store, (old, new), books=Books(store), segment="profile.age")
    finally:
        store.close()


def changes(compared: BookDiff) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
    """The changes from decision to decision, one step and rolled on."""
    one, rolled = (
        {(change.before.text, change.after.text): number for change, number in side.changes.items()}
        for side in (compared.one_step, compared.rolled_on)
    )
    return one, rolled


def test_a_cap_of_one(any_log: Log, tmp_path: Path) -> None:
    """One step: the second of each week falls. Rolled on: the weeks of the new book begin where its own contacts say."""
    old = compiled_book(tmp_path / "old", TEA)
    new = compiled_book(tmp_path / "new", TEA.replace("limit: 2", "limit: 1"))
    decide(old, any_log, 14)
    compared = compare(any_log, old, new)
    # each is contacted on days 0, 1, 7, 8: of these the new book lets pass the first alone, since at each
    # logged history the first of a pair still counts for the second, and the second of the pair before for the first
    assert changes(compared)[0] == {
        ("tea-time on sms", "blocked"): 6,
        ("cake-time on sms", "blocked"): 3,
    }
    assert (compared.one_step.contacts, compared.one_step.same) == ([12, 3], 42 - 9)
    # by its own contacts it sends on days 0 and 7
    assert changes(compared)[1] == {("tea-time on sms", "blocked"): 4, ("cake-time on sms", "blocked"): 2}
    assert compared.rolled_on.contacts == [12, 6]
    assert compared.rolled_on.by_segment["30"] == {True: 2, False: 12}
    assert compared.stock["tea/stock"] == [(8, 100), (4, 100)]
    assert compared.undecidable == {}


def test_the_book_itself(any_log: Log, tmp_path: Path) -> None:
    """A book against itself changes nothing, one step or rolled on, whatever it uses."""
    compiled = compiled_book(tmp_path / "book", BUSY)
    Visits(compiled, open_store(any_log.url), seed=14).run(60)
    compared = compare(any_log, compiled, compiled)
    assert compared.one_step.same == compared.rolled_on.same > 50
    assert changes(compared) == ({}, {})


def undecidable(log: Log, old: CompiledBook, text: str, folder: Path) -> Sequence[str]:
    """Why the decisions of the log cannot be made by a book."""
    compared = compare(log, old, compiled_book(folder, text))
    return sorted(compared.undecidable)


def test_what_was_never_logged_is_counted(tmp_path: Path) -> None:
    """A book that reads an attribute, a counter or a pause that the log does not have cannot decide; it is said which."""
    log = sqlite_log(tmp_path)
    old = compiled_book(tmp_path / "old", TEA)
    decide(old, log, 2)
    shoe = TEA.replace("cake, channels", "cake, when: {profile.shoe: 38}, channels")
    assert undecidable(log, old, shoe, tmp_path / "shoe") == [
        "the new book reads profile.shoe, which was not logged"
    ]
    larger = TEA.replace(
        "cake, channels", "cake, when: {profile.age: {lt: {attribute: profile.shoe}}}, channels"
    )
    assert undecidable(log, old, larger, tmp_path / "larger") == [
        "the new book reads profile.shoe, which was not logged"
    ]
    stock = TEA.replace("value: 0.5,", "value: 0.5, stock: 5,")
    assert undecidable(log, old, stock, tmp_path / "stock") == [
        "the new book reads the shared counter cake/stock, which was not read then"
    ]
    pause = TEA + "  pauses: {peace: {outcome: complained, for: 90d}}\n"
    assert undecidable(log, old, pause, tmp_path / "pause") == [
        "the new book has pauses that read outcomes which were not logged"
    ]
    unknown = compiled_book(tmp_path / "other", TEA.replace("name: tea,", "name: other,"))
    log.execute("DELETE FROM books")
    assert compare(log, old, unknown).undecidable == {"the book that decided is not in the log": 6}


def run(*arguments: object) -> tuple[int, str, str]:
    """The command's exit code and what it prints."""
    result = CliRunner().invoke(app, ["diff", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_command(tmp_path: Path) -> None:
    """A version of the log, or a folder; people read tables and what is not in it, machines one document."""
    log = sqlite_log(tmp_path)
    old = compiled_book(tmp_path / "old", TEA)
    compiled_book(tmp_path / "new", TEA.replace("limit: 2", "limit: 1"))
    decide(old, log, 14)
    names = (old.book.version[:12], tmp_path / "new", "--log", log.url)
    code, printed, _ = run(*names)
    assert code == 0
    assert "42 decisions of 3 persons, and 0 undecidable" in printed
    assert "rolled on: 6 changed, 36 the same; 12 contacts, then 6 (-1.077 a person-week)" in printed
    assert "left of tea/stock, rolled on: old 92 of 100, new 96 of 100" in printed
    assert "one step ahead; what customers would do after more or fewer contacts is not in it" in printed
    report = json.loads(run(*names, "--json", "--by", "profile.age")[1])
    assert (report["one_step"]["changed"], report["rolled_on"]["changed"]) == (9, 6)
    assert [segment["value"] for segment in report["rolled_on"]["segments"]] == ["10", "30", "40"]
    assert report["stock"][0]["new"] == {"used": 4, "limit": 100, "left": 96}
    code, _, errors = run(*names, "--by", "profile.agee")
    assert (code, errors.split("?")[0]) == (
        2,
        "tact: --by profile.agee: the book has no such attribute; did you mean 'profile.age'",
    )
    assert "no such attribute; there are customer.is_new, " in run(*names, "--by", "zzz")[2]
    code, _, errors = run("abcdef", tmp_path / "new", "--log", log.url)
    assert (code, errors) == (
        2,
        "tact: abcdef is no folder, and no version in the log that this program can read\n",
    )
    assert run(*names[:2], "--log", f"sqlite:///{tmp_path}/none.db")[0] == 2


BUDGETS = dedent("""
    simulate: {start: 2026-03-02}
    pressure:
      - max contacts a person-week <= 1
      - mean contacts on sms a person-week <= 1
      - share of persons reached >= 100%
    fairness:
      - rate ratio of offer tea between values of profile.gender within 0.8..1.25
    stock:
      - tea/stock taken <= 4
""")


def test_budgets(tmp_path: Path) -> None:
    """NEW's budgets hold where its own contacts are the history; its figures at the logged history stand beside it."""
    log = sqlite_log(tmp_path)
    old, new = tmp_path / "old", tmp_path / "new"
    decide(compiled_book(old, TEA), log, 14)
    compiled_book(new, TEA.replace("limit: 2", "limit: 1"))
    for folder in (old, new):
        (folder / "tests").mkdir()
        (folder / "tests" / "budgets.yaml").write_text(BUDGETS, encoding="utf-8")
    code, printed, _ = run(old, new, "--log", log.url)
    assert (code, printed.count("EXCEEDED")) == (4, 1)  # nobody's gender is in the log
    assert (
        "ok        max contacts a person-week <= 1\n"
        "    rolled on 1 (6 contacts in 6 person-weeks)\n"
        "    one step, at the logged history, 1 (3 contacts in 6 person-weeks)\n"
    ) in printed
    assert "cannot be checked: the log does not hold profile.gender" in printed
    assert "4 of 5 budgets kept, rolled on\n" in printed
    # the old book sends twice a week, so that it exceeds what the new one keeps
    code, printed, _ = run(new, old, "--log", log.url, "--json")
    budgets = {budget["budget"]: budget for budget in json.loads(printed)["budgets"]}
    exceeded = [text for text, budget in budgets.items() if not budget["ok"]]
    assert (code, len(exceeded)) == (4, 4)
    assert (
        budgets["tea/stock taken <= 4"]["value"] == budgets["tea/stock taken <= 4"]["one_step"]["value"] == 8
    )
    assert budgets["share of persons reached >= 100%"]["figures"] == "100.0% (3 of 3 persons)"
    (new / "tests" / "budgets.yaml").write_text(BUDGETS.split("fairness")[0], encoding="utf-8")
    assert run(old, new, "--log", log.url)[0] == 0
    code, _, errors = run(old, new, "--log", log.url, "--from", "2027-01-01T00:00Z")
    assert code == 4  # of no decisions nothing is known
    (new / "tests" / "budgets.yaml").write_text("simulate: {start: 2026-03-02}\npressure: [nonsense]\n")
    code, _, errors = run(old, new, "--log", log.url)
    assert (code, errors.endswith(f"the budgets of {new} do not load\n")) == (3, True)
