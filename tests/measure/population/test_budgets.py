"""Budgets: what each form measures, what a budgets file may not say, and how `tact test --people` ends."""

import json
from pathlib import Path
from textwrap import dedent

import pytest
from typer.testing import CliRunner, Result

from engine.cli import app
from engine.decide.compiled import CompiledBook
from engine.measure.population.budgets import BudgetResult, check_budgets, figure_text, read_budgets
from engine.measure.population.simulate import simulate, stage
from engine.rulebook.report.diagnostics import render
from tests.books import SPRING, compiled_book
from tests.measure.population.people_files import write_csv

BOOK = SPRING.replace("tags: [winter]}", "tags: [winter], stock: 30}").replace(
    "consent: sms, hold", "consent: sms, cost: 0.04, hold"
)
COLUMNS = ["customer", "profile.openid", "profile.phone", "consent__sms", "consent__wechat", "profile.gender", "weather.temperature_c", "weather.humidity_pct"]  # fmt: skip  # noqa: E501
SIMULATE = "simulate: {start: 2026-03-02, days: 7}\n"


def crowd(path: Path) -> Path:
    """80 persons, all reached on WeChat by cream or lotion: of the women half are cold, of the men a quarter."""
    rows = []
    for i in range(80):
        gender = "f" if i < 40 else "m"
        cold = i % 2 == 0 if gender == "f" else i % 4 == 0
        rows.append(
            [f"p-{i}", f"o-{i}", f"+{i}", "true", "true", gender, 3 if cold else 20, 30 if cold else 60]
        )
    return write_csv(path, rows, COLUMNS)


def write_budgets(folder: Path, text: str) -> None:
    """Writes the budgets of the book."""
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests" / "budgets.yaml").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the book."""
    return tmp_path_factory.mktemp("budgets") / "book"


@pytest.fixture(scope="module")
def spring(folder: Path) -> CompiledBook:
    """The small book with a stock and a cost, compiled."""
    return compiled_book(folder, BOOK)


def results(spring: CompiledBook, folder: Path, tmp_path: Path, text: str) -> list[BudgetResult]:
    """What the budgets give on the crowd."""
    write_budgets(folder, SIMULATE + dedent(text))
    loaded = read_budgets(folder, spring)
    assert loaded.plan is not None, render(loaded.diagnostics)
    staged = stage(crowd(tmp_path / "people.csv"), spring, loaded.plan, tmp_path)
    return check_budgets(loaded.budgets, simulate(spring, staged, loaded.plan))


def test_figures(spring: CompiledBook, folder: Path, tmp_path: Path) -> None:
    """Each form gives its figure. By a cap 50 persons hear twice a week; the stock of 30 ends the cream on the first day."""
    text = """
    pressure:
      - p95 contacts a person-week <= 2
      - max contacts a person-week <= 1
      - mean contacts on wechat a person-week >= 1.5
      - share of person-weeks with more than 1 contacts <= 80%
      - share of persons reached >= 100%
    stock:
      - cream/stock taken <= 100%
      - cream/stock taken <= 29
    cost:
      - total cost <= 0
      - cost a contact on wechat <= 1
      - cost a person-week <= 0.001
    """
    budget_results = results(spring, folder, tmp_path, text)
    figures = {result.budget.text: (result.measured.value, result.ok) for result in budget_results}
    assert figures["p95 contacts a person-week <= 2"] == (2, True)
    assert figures["max contacts a person-week <= 1"] == (2, False)
    assert figures["share of person-weeks with more than 1 contacts <= 80%"][0] == 50 / 80
    assert figures["share of person-weeks with more than 1 contacts <= 80%"][1]
    assert figures["share of persons reached >= 100%"] == (1.0, True)
    assert figures["cream/stock taken <= 100%"] == (1.0, True)
    assert figures["cream/stock taken <= 29"] == (30, False)
    assert figures["mean contacts on wechat a person-week >= 1.5"][1]


def test_fairness_is_among_persons_eligible_alike(spring: CompiledBook, folder: Path, tmp_path: Path) -> None:
    """Of those who are eligible for the cream all get it, whatever their gender, though twice as many women are eligible."""
    write = """
    fairness:
      - rate ratio of campaign cream-cold between values of profile.gender within 0.8..1.25
      - rate ratio of offer lotion between values of profile.gender within 0.9..1.1
      - rate ratio of offer lotion between values of profile.shoe within 0.9..1.1
    """
    cream, lotion, shoe = results(spring, folder, tmp_path, write)
    assert not cream.ok  # ten men are too few to compare
    assert figure_text(cream) == (
        "cannot be checked: fewer than two values with 20 persons who were eligible: f 100.0% of 20, m 100.0% of 10"
    )
    assert (lotion.ok, lotion.measured.value, lotion.measured.high) == (True, 1.0, 1.0)
    assert lotion.measured.details == "f 100.0% of 20, m 100.0% of 30"
    assert (shoe.ok, figure_text(shoe)) == (
        False,
        "cannot be checked: nobody who was eligible has profile.shoe",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pressure: [p95 contacts a week <= 3]", "for example p95 contacts a person-week <= 3"),
        ("pressure: [cream/stock taken <= 9]", "for example cream/stock taken <= 90%, below stock"),
        ("pressure: [p95 contacts on sns a person-week <= 3]", "did you mean 'sms'?"),
        ("pressure: [share of persons reached >= 3]", "the bound is a percentage"),
        ("pressure: [p95 contacts a person-week <= 3%]", "the bound is a number, not a percentage"),
        ("stock: [creme/stock taken <= 90%]", "did you mean 'cream/stock'?"),
        ("fairness: [rate ratio of offer creme between values of profile.age within 1..2]", "did you mean 'cream'?"),
        ("fairness: [rate ratio of offer cream between values of profile.age within 2..1]", "in the wrong order"),
        ("presure: [p95 contacts a person-week <= 3]", "did you mean 'pressure'?"),
    ],
)  # fmt: skip
def test_mistakes(spring: CompiledBook, folder: Path, text: str, message: str) -> None:
    """A line that is no budget, or names what the book has not, is told with what was meant."""
    write_budgets(folder, f"{SIMULATE}{text}\n")
    loaded = read_budgets(folder, spring)
    assert loaded.plan is None
    assert message in render(loaded.diagnostics), render(loaded.diagnostics)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pressure: [p95 contacts a person-week <= 3]", "`simulate` is missing"),
        ("simulate: {start: 2026-03-02}", "the file holds no budgets"),
        ("simulate: {days: 7}", "`start` is missing"),
        ("simulate: {start: 2026-13-02}", "there is no such day"),
        ("simulate: {start: 2026-03-02, visits: often}", "'often' is not a pattern"),
        ("simulate: {start: 2026-03-02, placement: heroo}", "did you mean 'hero'?"),
        ("simulate: {start: 2026-03-02, channels: [sns]}", "did you mean 'sms'?"),
        ("simulate: {start: 2026-03-02, placement: hero, channels: [sms]}", "is on the channel"),
    ],
)
def test_mistakes_in_what_is_simulated(spring: CompiledBook, folder: Path, text: str, message: str) -> None:
    """The simulation is fixed in the file, so that budgets mean the same each time."""
    write_budgets(folder, f"{text}\n")
    assert message in render(read_budgets(folder, spring).diagnostics)


def run(*arguments: object) -> Result:
    """The command's end."""
    return CliRunner().invoke(app, ["test", *map(str, arguments)])


def test_command(spring: CompiledBook, folder: Path, tmp_path: Path) -> None:
    """An exceeded budget ends `tact test` with code 4 and its figures; without --people budgets are only read."""
    people = crowd(tmp_path / "people.csv")
    write_budgets(
        folder, f"{SIMULATE}pressure: [p95 contacts a person-week <= 1, max contacts a person-week <= 2]\n"
    )
    result = run(folder, "--people", people)
    assert result.exit_code == 4
    assert (
        "EXCEEDED  p95 contacts a person-week <= 1\n    tests/budgets.yaml:2:12\n    2 (130 contacts"
        in result.stdout
    )
    assert result.stdout.endswith("1 of 2 budgets kept\n")
    report = json.loads(run(folder, "--people", people, "--json").stdout)
    assert [(budget["ok"], budget["value"], budget["high"]) for budget in report["budgets"]] == [
        (False, 2, 1.0),
        (True, 2, 2.0),
    ]
    assert run(folder).exit_code == 0
    write_budgets(folder, f"{SIMULATE}pressure: [nonsense]\n")
    assert run(folder).exit_code == 3
    (folder / "tests" / "budgets.yaml").unlink()
    result = run(folder, "--people", people)
    assert (result.exit_code, "has no tests/budgets.yaml" in result.stderr) == (2, True)


def test_shipped_book() -> None:
    """The budgets of the shipped book are kept by its invented customers, who are made as its script says."""
    root = Path(__file__).parents[3]
    book = root / "rules" / "telecom-churn"
    result = run(book, "--people", book / "tests" / "people.csv", "--filter", "complaint")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "7 of 7 budgets kept")
