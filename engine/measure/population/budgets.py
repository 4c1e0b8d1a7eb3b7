"""Budgets: bounds on what a book may do to a population, in the file `tests/budgets.yaml` of a book.

Each budget is one line that begins with what is measured and ends with its bounds. They are checked on the counts of one
simulation. A budget that cannot be checked, such as one on an attribute that no person has, fails.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path as Folder
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import Field

from engine.decide.compiled import CompiledBook
from engine.measure.population.budget_figures import BudgetMeasure, Measured, measure_of
from engine.measure.population.simulate import SimulationPlan
from engine.measure.population.tally import Tally, Watched
from engine.measure.population.visits import DAILY, Visits
from engine.rulebook.report.diagnostics import Code, Diagnostic, quote
from engine.rulebook.report.findings import Findings, Path, SourcePlace
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.sections import Shape, Text, TextsForm
from engine.rulebook.text import datetimes
from engine.scenario.sources import BUDGETS, FOLDER, read_document


class SimulateShape(Shape):
    """What is simulated."""

    noun: ClassVar[str] = "simulation"
    start: Annotated[Text, Field(examples=["start: 2026-03-02"])]
    """The first day."""
    days: Annotated[int, Field(ge=1, le=3660)] = 7
    seed: int = 0
    visits: Text | None = None
    placement: Text | None = None
    channels: TextsForm = Field(default=[])


class BudgetsShape(Shape):
    """A budgets file."""

    noun: ClassVar[str] = "budgets file"
    simulate: dict[str, Any]
    pressure: TextsForm = Field(default=[])
    fairness: TextsForm = Field(default=[])
    stock: TextsForm = Field(default=[])
    cost: TextsForm = Field(default=[])


@dataclass(frozen=True, slots=True)
class PopulationBudget:
    """A bound on what a simulation gives."""

    section: str
    text: str
    source: SourcePlace
    measure: BudgetMeasure
    low: float | None = None
    high: float | None = None
    watched: Watched | None = None
    is_share: bool = False


class BudgetResult(NamedTuple):
    """A budget, and what the simulation gave."""

    budget: PopulationBudget
    measured: Measured

    @property
    def ok(self) -> bool:
        """Whether it was checked, and is kept."""
        value, _, highest = self.measured
        low, high = self.budget.low, self.budget.high
        if value is None:
            return False
        highest = value if highest is None else highest
        return (low is None or value >= low) and (high is None or highest <= high)


class LoadedBudgets(NamedTuple):
    """The budgets of a book and the simulation they are checked on, or the diagnostics that say what is wrong."""

    plan: SimulationPlan | None
    """None where there are none, or any error."""
    budgets: tuple[PopulationBudget, ...]
    diagnostics: tuple[Diagnostic, ...] = ()


def read_budgets(book: Folder, compiled: CompiledBook) -> LoadedBudgets:
    """The budgets in `tests/budgets.yaml` of the book; none where it has no such file. Never raises."""
    name = f"{FOLDER}/{BUDGETS}"
    file = book / FOLDER / BUDGETS
    if not file.exists():
        return LoadedBudgets(None, ())
    findings = Findings(start=name)
    try:
        content = file.read_bytes()
    except OSError as error:
        findings.error((name,), Code.FILE, f"the file cannot be read: {error.strerror}")
        return LoadedBudgets(None, (), findings.sorted())
    document = read_document(name, content, findings, lambda _: False)
    plan, budgets = None, []
    if document is not None and document.whole:
        shape = shaped(BudgetsShape, document.data, (name,), findings)
        if shape is not None:
            reader = _BudgetReader(compiled, findings)
            plan = reader.plan(shape.simulate, (name, "simulate"))
            budgets = [
                budget
                for section in _FORMS
                for index, text in enumerate(getattr(shape, section))
                if (budget := reader.budget(section, text, (name, section, index))) is not None
            ]
        if not budgets and not findings.failed:
            hint = f"for example pressure: [{_FORMS['pressure'][0].example}]"
            findings.error((name,), Code.EMPTY, "the file holds no budgets", hint)
    if findings.failed or plan is None:
        return LoadedBudgets(None, (), findings.sorted())
    watched = tuple(dict.fromkeys(budget.watched for budget in budgets if budget.watched))
    plan = SimulationPlan(
        plan.start, plan.days, plan.seed, plan.visits, plan.placement, plan.channels, watched
    )
    return LoadedBudgets(plan, tuple(budgets), findings.sorted())


def check_budgets(budgets: Sequence[PopulationBudget], tally: Tally) -> list[BudgetResult]:
    """The results, in order."""
    return [BudgetResult(budget, budget.measure(tally)) for budget in budgets]


_NAME = r"[^\s]+"
_NUMBER = r"[0-9]+(\.[0-9]+)?"
_BOUND = rf"(?P<sign><=|>=) (?P<bound>{_NUMBER})(?P<percent> ?%)?"
_ON = rf"( on (?P<channel>{_NAME}))?"


class _Form(NamedTuple):
    """One form of a budget: how it is read, and how it is shown."""

    pattern: re.Pattern[str]
    example: str
    percent: bool | None
    """Whether its bound is a percentage; None: it may be."""


def _form(pattern: str, example: str, *, percent: bool | None = False) -> _Form:
    return _Form(re.compile(pattern), example, percent)


_FORMS: dict[str, tuple[_Form, ...]] = {
    "pressure": (
        _form(
            rf"(?P<statistic>mean|max|p[0-9]{{1,2}}) contacts{_ON} a person-week {_BOUND}",
            "p95 contacts a person-week <= 3",
        ),
        _form(
            rf"share of person-weeks with more than (?P<number>[0-9]+) contacts{_ON} {_BOUND}",
            "share of person-weeks with more than 2 contacts <= 5%",
            percent=True,
        ),
        _form(
            rf"share of persons (?P<reached>reached) {_BOUND}",
            "share of persons reached >= 30%",
            percent=True,
        ),
    ),
    "fairness": (
        _form(
            rf"rate ratio of (?P<kind>offer|campaign) (?P<name>{_NAME}) between values of (?P<attribute>{_NAME})"
            rf" within (?P<low>{_NUMBER})\.\.(?P<high>{_NUMBER})",
            "rate ratio of offer cream between values of profile.gender within 0.8..1.25",
        ),
    ),
    "stock": (_form(rf"(?P<counter>{_NAME}) taken {_BOUND}", "cream/stock taken <= 90%", percent=None),),
    "cost": (
        _form(rf"(?P<cost>total cost){_ON} {_BOUND}", "total cost <= 500"),
        _form(rf"(?P<cost>cost a person-week){_ON} {_BOUND}", "cost a person-week <= 0.05"),
        _form(rf"(?P<cost>cost a contact){_ON} {_BOUND}", "cost a contact <= 0.04"),
    ),
}


class _BudgetReader:
    """Reads budgets against one book, and reports names and forms that there are not."""

    def __init__(self, compiled: CompiledBook, findings: Findings) -> None:
        self._book, self._findings = compiled.book, findings
        self._counters = sorted(Tally(compiled, 0).rule_limits())

    def plan(self, data: Any, path: Path) -> SimulationPlan | None:
        """What is simulated; None after reporting what is wrong."""
        shape = shaped(SimulateShape, data, path, self._findings)
        if shape is None:
            return None
        start = self._findings.parse((*path, "start"), shape.start, datetimes.parse_date)
        visits: Visits | None = DAILY
        if shape.visits is not None:
            visits = self._visits(shape.visits, (*path, "visits"))
        for index, channel in enumerate(shape.channels):
            self._known(channel, "channel", self._book.channels, (*path, "channels", index))
        placement = shape.placement or ""
        if placement and self._known(placement, "placement", self._book.placements, (*path, "placement")):
            on = self._book.placements[placement].channel
            if shape.channels and on not in shape.channels:
                text = f"{quote(placement)} is on the channel {quote(on)}, which `channels` leaves out"
                self._findings.error((*path, "placement"), Code.VALUE, text)
        if start is None or visits is None:
            return None
        return SimulationPlan(start, shape.days, shape.seed, visits, placement, tuple(shape.channels))

    def _visits(self, text: str, path: Path) -> Visits | None:
        try:
            return Visits.parse(text)
        except ValueError as error:
            self._findings.error(path, Code.VALUE, str(error))
            return None

    def budget(self, section: str, text: str, path: Path) -> PopulationBudget | None:
        """The budget of one line; None after reporting what is wrong with it."""
        words = " ".join(text.split())
        for form in _FORMS[section]:
            if match := form.pattern.fullmatch(words):
                return self._matched(section, form, match, path)
        examples = {form.example: other for other, forms in _FORMS.items() for form in forms}
        nearest = self._findings.nearest(words, examples) or _FORMS[section][0].example
        where = "" if examples[nearest] == section else f", below {examples[nearest]}"
        message = f"{quote(text)} is no budget of {section}"
        self._findings.error(path, Code.VALUE, message, f"for example {nearest}{where}")
        return None

    def _matched(
        self, section: str, form: _Form, match: re.Match[str], path: Path
    ) -> PopulationBudget | None:
        given = {key: value for key, value in match.groupdict().items() if value is not None}
        names = list(self._unknown(given))
        for name, noun, known in names:
            self._known(name, noun, known, path)
        is_share = "percent" in given
        if form.percent is not None and form.percent is not is_share and "bound" in given:
            wanted = "a percentage" if form.percent else "a number, not a percentage"
            self._findings.error(path, Code.VALUE, f"the bound is {wanted}", f"for example {form.example}")
            return None
        if names:
            return None
        low, high = _bounds(given, is_share=is_share)
        if low is not None and high is not None and low > high:
            self._findings.error(path, Code.VALUE, "the bounds are in the wrong order")
        watched = None
        if section == "fairness":
            watched = Watched(given["kind"], given["name"], given["attribute"])
        source = self._findings.location(path)
        measure = measure_of(given, watched, is_share=is_share)
        return PopulationBudget(section, match.string, source, measure, low, high, watched, is_share)

    def _unknown(self, given: dict[str, str]) -> Iterator[tuple[str, str, Collection[str]]]:
        """Each name that the book does not have, what it should be, and the names that there are."""
        book = self._book
        nouns: dict[str, tuple[str, Collection[str]]] = {
            "channel": ("channel", book.channels),
            "counter": ("shared counter", self._counters),
            "name": (given.get("kind", ""), book.offers if given.get("kind") == "offer" else book.campaigns),
        }
        for key, (noun, known) in nouns.items():
            if key in given and given[key] not in known:
                yield given[key], noun, known
        attribute = given.get("attribute")
        if (
            attribute is not None
            and not attribute.startswith("profile.")
            and attribute not in book.attributes
        ):
            yield attribute, "attribute", book.attributes

    def _known(self, name: str, noun: str, known: Collection[str], path: Path) -> bool:
        if name in known:
            return True
        hint = self._findings.suggest(name, known) or f"there are: {', '.join(sorted(known)) or 'none'}"
        self._findings.error(path, Code.UNKNOWN, f"the book has no {noun} {quote(name)}", hint)
        return False


def _bounds(given: dict[str, str], *, is_share: bool) -> tuple[float | None, float | None]:
    if "low" in given:
        return float(given["low"]), float(given["high"])
    bound = float(given["bound"]) / (100 if is_share else 1)
    return (bound, None) if given["sign"] == ">=" else (None, bound)


def budget_document(result: BudgetResult) -> dict[str, Any]:
    """One result in the document of `tact test --json`; a ratio without an upper limit is null."""
    (file, line, _), measured = result.budget.source, result.measured
    highest = measured.value if measured.high is None else measured.high
    return {
        "section": result.budget.section,
        "budget": result.budget.text,
        "file": file,
        "line": line,
        "ok": result.ok,
        "value": measured.value,
        "highest": None if highest == float("inf") else highest,
        "low": result.budget.low,
        "high": result.budget.high,
        "details": measured.details,
    }


def figure_text(result: BudgetResult) -> str:
    """The figures for people: `4, 1,200 contacts in 400 person-weeks`."""
    value, details, high = result.measured
    if value is None:
        return f"cannot be checked: {details}"
    shown = f"{value:.1%}" if result.budget.is_share else f"{value:,.4g}"
    if high is not None:
        shown = f"{value:.3f}..{high:.3f}"
    return f"{shown} ({details})"
