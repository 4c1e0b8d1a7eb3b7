"""`tact report portrait`: shares that are known, from a real log, without a cell that tells of a person."""

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.ledger.commit.books import KeepBookCommand
from engine.ledger.store.open import open_store
from engine.measure.log import MeasuredLog
from engine.measure.report.build import Report
from engine.measure.report.comparable import NothingRecorded
from engine.measure.report.disclosure import LEAST, MOST_DEVIATION
from engine.measure.report.figures import Figure
from engine.measure.report.members import PortraitQuestion, Who
from engine.model.instant import from_datetime
from engine.model.request import Request
from tests.books import compiled_book, write_book
from tests.logs import Log, sqlite_log
from tests.measure.export.kit import commit, decide, outcome

BEGIN = datetime(2026, 3, 2, 10, tzinfo=UTC)
AS_OF = datetime(2100, 1, 1, tzinfo=UTC)
PERSONS = 600
BOOK = """
book: {name: club, timezone: UTC, salt: s, lawful_basis: {health: consent}}
attributes:
  profile.mail: {type: text}
  profile.city: {type: text}
  profile.age: {type: integer}
  profile.joined: {type: date}
  profile.likes: {type: list of text}
  profile.allergy: {type: text, sensitive: health}
channels: {mail: {kind: outbound, address: profile.mail, consent: not_needed}}
audiences:
  young: {profile.age: {lt: 30}}
  old: {none: [{audience: young}]}
  tiny: {profile.age: {lt: 19}}
  allergic: {profile.allergy: nuts}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, channels: [mail], when: {audience: young}}}
"""


def profile_of(number: int) -> dict[str, object]:
    """A third is young; of them three quarters live in Bern, of the others a quarter, and three in Uri."""
    young = number % 3 == 0
    bern = (number // 3) % 4 != 0 if young else (number // 3) % 4 == 0
    return {
        "profile.mail": f"m{number}",
        "profile.city": "Uri" if number in {1, 2, 4} else "Bern" if bern else "Basel",
        "profile.age": 20 + number % 10 if young else 40 + number % 40,
        "profile.joined": datetime(2020 + number % 2, 1, 1, tzinfo=UTC).date(),
        "profile.likes": ("tea", "cake") if young else ("tea",),
        "profile.allergy": "nuts",
    }


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """A log of the persons; those of Bern order what they got."""
    folder = tmp_path_factory.mktemp("log")
    log = sqlite_log(folder)
    compiled, at = compiled_book(folder / "book", BOOK), from_datetime(BEGIN)
    with closing(open_store(log.url)) as store:
        commit(store, KeepBookCommand(compiled.book, at))
        requests = [Request(f"p{number}", at, profile_of(number)) for number in range(PERSONS)]  # type: ignore[arg-type]
        decisions = decide(store, compiled, *requests)
        bern = [
            decision
            for decision, request in zip(decisions, requests, strict=True)
            if decision.offers and request.attributes["profile.city"] == "Bern"
        ]
        commit(
            store,
            *(
                outcome(compiled, decision.decision_id, "converted", at + 60, f"o{number}")
                for number, decision in enumerate(bern)
            ),
        )
    return log


def answered(
    log: Log, folder: Path, audience: str = "", campaign: str = "", who: Who = "receivers", *by: str
) -> Report:
    """The portrait."""
    book = compiled_book(folder / "today", BOOK).book
    return MeasuredLog(log.url).portrait(book, PortraitQuestion(audience, campaign, who, by), AS_OF)


def shares(report: Report) -> dict[tuple[str, str], tuple[float, float]]:
    """By attribute and value, the share of the audience and that of the others."""
    by_value = {}
    for row in report.grid("portrait").rows:
        share, others = row["share"], row["of the others"]
        assert isinstance(share, Figure)
        assert isinstance(others, Figure)
        by_value[str(row["attribute"]), str(row["value"])] = (share.value or 0, others.value or 0)
    return by_value


def test_shares_are_those_of_the_persons(log: Log, tmp_path: Path) -> None:
    """By text, number, year and item, up to the deviation; the three of Uri are not told, and nothing sensitive."""
    report = answered(log, tmp_path, "young")
    known = shares(report)
    inside, outside = known["profile.city", "Bern"]
    assert inside == pytest.approx(0.75, abs=0.04)
    assert outside == pytest.approx(0.25, abs=0.03)
    assert ("profile.city", "Uri") not in known
    assert (
        known["profile.likes", "has cake"] == pytest.approx((1, 0), abs=0.04)
        if ("profile.likes", "has cake") in known
        else True
    )
    assert known["profile.joined", "2020"][0] == pytest.approx(0.5, abs=0.05)
    names = {attribute for attribute, _ in known}
    assert "profile.allergy" not in names
    assert "profile.mail" not in names
    (size,) = report.grid("size").rows
    persons = size["persons"]
    assert isinstance(persons, Figure)
    assert abs((persons.value or 0) - PERSONS / 3) <= MOST_DEVIATION
    (section,) = report.sections
    assert any(warned.text.startswith("profile.city") for warned in section.warnings)
    assert "profile.age lt 30" in section.question


def test_no_cell_is_small(log: Log, tmp_path: Path) -> None:
    """Of every attribute, on both sides, whatever is shown."""
    for row in answered(log, tmp_path, "old").grid("portrait").rows:
        persons, others = row["persons"], row["of the others"]
        assert isinstance(persons, Figure)
        assert isinstance(others, Figure)
        assert (persons.value or 0) >= LEAST
        assert others.persons is not None
        assert (others.value or 0) * others.persons >= LEAST - 0.5


def test_receivers_and_converters_of_a_campaign(log: Log, tmp_path: Path) -> None:
    """Who got it is young; who ordered lives in Bern."""
    receivers = shares(answered(log, tmp_path, campaign="tea"))
    assert receivers["profile.city", "Bern"][0] == pytest.approx(0.75, abs=0.04)
    converters = answered(log, tmp_path, "", "tea", "converters")
    (size,) = converters.grid("size").rows
    persons = size["persons"]
    assert isinstance(persons, Figure)
    assert abs((persons.value or 0) - 150) <= MOST_DEVIATION


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (PortraitQuestion("yung"), "did you mean young?"),
        (PortraitQuestion(campaign="te"), "did you mean tea?"),
        (PortraitQuestion("tiny"), "nobody is recognised"),
        (PortraitQuestion("allergic"), "which the log masks"),
        (PortraitQuestion("young", by=("profile.allergy",)), "it is sensitive"),
        (PortraitQuestion("young", by=("profile.citty",)), "did you mean profile.city?"),
    ],
)
def test_what_cannot_be_told_is_refused(
    log: Log, tmp_path: Path, question: PortraitQuestion, sentence: str
) -> None:
    """With the name that was meant, or the reason."""
    book = compiled_book(tmp_path / "today", BOOK).book
    with pytest.raises(NothingRecorded, match=sentence.replace("?", r"\?")):
        MeasuredLog(log.url).portrait(book, question, AS_OF)


def test_command(log: Log, tmp_path: Path) -> None:
    """It prints and writes its forms; an audience and a campaign exclude each other."""
    rules = write_book(tmp_path / "rules", BOOK)

    def run(*options: str) -> tuple[int, str]:
        given = (
            "report",
            "portrait",
            "--rules",
            str(rules),
            "--as-of",
            "2100-01-01",
            "--log",
            log.url,
            *options,
        )
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, given)
        return result.exit_code, result.output

    page, document = tmp_path / "page.html", tmp_path / "report.json"
    code, text = run("--audience", "young", "--html", str(page), "--json", str(document))
    assert code == 0, text
    assert json.loads(document.read_text(encoding="utf-8"))["sections"][0]["name"] == "portrait"
    assert "less that of the others" in page.read_text(encoding="utf-8")
    code, text = run("--audience", "young", "--by", "profile.city")
    assert (code, "Bern" in text) == (0, True)
    assert run("--audience", "young", "--campaign", "tea")[0] == 2
    assert run("--audience", "young", "--converters")[0] == 2
    assert run()[0] == 2
