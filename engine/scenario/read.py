"""Reads scenario files: scenarios, or diagnostics of everything that is wrong with them. Never raises."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path as Folder
from typing import Any

from engine.decide.compiled import CompiledBook
from engine.ledger.commit.identity import LinkCommand
from engine.model.request import Request
from engine.model.trends import GivenTrends, Series, TrendReading
from engine.privacy.objection import ObjectionCommand, PrivacyActor
from engine.rulebook.report.diagnostics import Code, Diagnostic, quote
from engine.rulebook.report.findings import Findings, Path, TooManyErrors
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.text.files import Sources
from engine.rulebook.text.merge import check_name
from engine.scenario import sources
from engine.scenario.assigned import AssignmentReader, Positions
from engine.scenario.contacts import PastContact, PastContactReader
from engine.scenario.contexts import ContextLayer, ContextReader
from engine.scenario.expectations import ExpectationReader
from engine.scenario.model import Decide, Link, Record, Scenario, StoryStep
from engine.scenario.prices import StatedPriceReader
from engine.scenario.shapes import (
    REQUEST_PARTS,
    CustomerShape,
    FileShape,
    GivenTrendShape,
    OverrideShape,
    TestShape,
)
from engine.scenario.stories import RecordingReader, StoryMoment, moments
from engine.wire.limits import LONGEST_NAME, MOST_ALIASES

NOBODY = "somebody"
"""The id of a customer who is written into a test without an id."""


@dataclass(frozen=True, slots=True)
class LoadedScenarios:
    """The scenarios of a book, or the diagnostics that say what is wrong with them."""

    scenarios: tuple[Scenario, ...]
    """By file and line; empty if there is any error."""
    diagnostics: tuple[Diagnostic, ...]


def load_scenarios(book: Folder, compiled: CompiledBook) -> LoadedScenarios:
    """The scenarios in the book's folder tests/."""
    return _load(sources.read_folder(book), compiled)


def load_scenario_files(contents: Mapping[str, bytes], compiled: CompiledBook) -> LoadedScenarios:
    """The scenarios in files, which are given by their names."""
    return _load(Sources(dict(contents)), compiled)


def _load(read: Sources, compiled: CompiledBook) -> LoadedScenarios:
    findings = Findings(start=min(read.files, default=""))
    scenarios: list[Scenario] = []
    with suppress(TooManyErrors):  # the last diagnostic says so
        scenarios = _read_all(read, compiled, findings)
    return LoadedScenarios(() if findings.failed else tuple(scenarios), findings.sorted())


def _read_all(read: Sources, compiled: CompiledBook, findings: Findings) -> list[Scenario]:
    for problem in read.problems:
        findings.report((problem.file, 1, 1), problem.code, problem.message, problem.hint)
    documents = sources.compose(read.files, findings)
    reader = _Reader(
        compiled,
        findings,
        ContextReader(compiled, findings),
        RecordingReader(compiled, findings),
        ExpectationReader(compiled, findings),
        AssignmentReader(compiled, findings),
        PastContactReader(compiled, findings),
        StatedPriceReader(compiled, findings),
    )
    return list(reader.read(documents))


@dataclass(frozen=True, slots=True)
class _Customer:
    """A customer: the id, the context, the stated positions in experiments, and earlier contacts."""

    id: str
    layer: ContextLayer
    positions: Positions
    contacts: tuple[PastContact, ...]
    objections: tuple[str, ...]
    """To what the customer objects."""


@dataclass(slots=True)
class _Reader:
    """Reads the files' data, and reports what is wrong with it to the findings."""

    compiled: CompiledBook
    findings: Findings
    contexts: ContextReader
    recordings: RecordingReader
    expectations: ExpectationReader
    assignments: AssignmentReader
    contacts: PastContactReader
    prices: StatedPriceReader
    customers: dict[str, _Customer | None] = field(default_factory=dict)
    """By name; None for one that is declared, but invalid."""
    names: set[str] = field(default_factory=set)
    """Of the tests so far."""

    def read(self, documents: Mapping[str, Any]) -> list[Scenario]:
        """All scenarios, in the order of files and lines."""
        tests: list[tuple[Any, Path]] = []
        for file, data in documents.items():
            shape = shaped(FileShape, data, (file,), self.findings)
            if shape is not None:
                for name, value in shape.customers.items():
                    self._declare(name, value, (file, "customers", name))
                tests += [(test, (file, "tests", i)) for i, test in enumerate(shape.tests)]
        read = (self._scenario(data, path) for data, path in tests)
        return [scenario for scenario in read if scenario is not None]

    def _declare(self, name: str, data: Any, path: Path) -> None:
        check_name(name, path, self.findings)
        if name in self.customers:
            self.findings.key_error(path, Code.DUPLICATE, f"a customer {quote(name)} is there already")
        else:
            self.customers[name] = self._customer(data, name, path)

    def _customer(self, data: Any, name: str, path: Path) -> _Customer | None:
        layer = self.contexts.layer(data, path, CustomerShape)
        if layer is None:
            return None
        written = dict(layer.data)
        positions = self.assignments.read(written.pop("assigned", None), (*path, "assigned"))
        contacts = self.contacts.read(written.pop("contacts", None), (*path, "contacts"))
        objections = self.contexts.objections(written.pop("objections", None), (*path, "objections"))
        layer = ContextLayer(written, path)
        customer = _Customer(str(layer.data.get("customer") or name), layer, positions, contacts, objections)
        sound = self.contexts.request(customer.id, [layer], 0, path)
        return None if sound is None else customer

    def _scenario(self, data: Any, path: Path) -> Scenario | None:
        shape = shaped(TestShape, data, path, self.findings)
        if shape is None:
            return None
        self._check_name(shape.name, (*path, "name"))
        customer = self._find_customer(shape.customer, (*path, "customer"))
        sound = [key for key in REQUEST_PARTS if key in data and (*path, key) not in self.findings.poisoned]
        parts = ContextLayer({key: data[key] for key in sound}, path)
        self.contexts.check_names(parts.data, path)
        changes = self.contexts.layer(shape.with_, (*path, "with"), OverrideShape)
        story = moments(shape, path, self.compiled.book.timezone, self.findings)
        layers = None if customer is None or changes is None else (customer.layer, changes, parts)
        customer_id = "" if customer is None else customer.id
        positions = self.assignments.read(shape.assigned, (*path, "assigned"))
        if customer is not None:
            positions = {**customer.positions, **positions}
        trends = self._trends(shape.trends, (*path, "trends"))
        decided = [moment.number for moment in story if moment.record is None and not moment.link]
        steps = [self._step(moment, customer_id, layers, positions, decided) for moment in story]
        contacts = self.contacts.read(shape.contacts, (*path, "contacts"))
        contacts = (*(() if customer is None else customer.contacts), *contacts)
        steps = [with_trends(step, trends) for step in steps if step]
        requests = [step.act.request for step in steps if step and isinstance(step.act, Decide)]
        past = self.contacts.command(contacts, next(iter(requests), None), (*path, "contacts"))
        objections = (
            *(() if customer is None else customer.objections),
            *self.contexts.objections(shape.objections, (*path, "objections")),
        )
        prices = self.prices.read(shape.prices, (*path, "prices"))
        sound_steps = tuple(step for step in steps if step)
        objecting = objections_of(customer_id, objections, requests)
        return Scenario(shape.name, self.findings.values[path], sound_steps, past, objecting, prices)

    def _trends(self, data: Sequence[Any], path: Path) -> GivenTrends:
        """What the test states of all customers; reports what the book does not count."""
        given: dict[Series, dict[str, TrendReading]] = {}
        for index, item in enumerate(data):
            shape = shaped(GivenTrendShape, item, (*path, index), self.findings)
            if shape is None:
                continue
            counted = self.compiled.counted.get(shape.event, {})
            if (shape.by or "") not in counted:
                message = "the book counts no such events" + (" by this field" if counted else "")
                hint = self.findings.suggest(shape.event, self.compiled.counted)
                self.findings.error(
                    (*path, index, "by" if counted and shape.by else "event"), Code.UNKNOWN, message, hint
                )
            if (shape.by is None) != (shape.value is None):
                message = "`by` and `value` go together: the field, and its value"
                self.findings.key_error((*path, index), Code.MISSING, message)
            by_value = given.setdefault((shape.event, shape.by or ""), {})
            by_value[shape.value or ""] = TrendReading(shape.count, shape.usual)
        return GivenTrends(given)

    def _step(
        self,
        moment: StoryMoment,
        customer: str,
        layers: Sequence[ContextLayer] | None,
        positions: Positions,
        decided: Sequence[int],
    ) -> StoryStep | None:
        expected = (
            self.expectations.read(moment.expect, moment.expect_path) if moment.expect is not None else ()
        )
        if moment.link:
            return self._link(moment, customer)
        if moment.record is not None and layers is not None:
            before = [number for number in decided if number < moment.number]
            events = self.recordings.read(
                moment.name or customer, moment.record, moment.at, moment.record_path, before
            )
            return StoryStep(moment.number, Record(events, self.findings.values[moment.record_path]), ())
        layer = self.contexts.layer(moment.decide, moment.decide_path, OverrideShape)
        own = self.assignments.read(moment.assigned, moment.assigned_path)
        if layer is None or layers is None:
            return None
        request = self.contexts.request(
            moment.name or customer, [*layers, layer], moment.at, moment.decide_path
        )
        if request is None:
            return None
        return StoryStep(moment.number, Decide(request, {**positions, **own}), expected)

    def _link(self, moment: StoryMoment, customer: str) -> StoryStep | None:
        """The step that links the moment's names with the name that the customer acts under."""
        names = tuple(dict.fromkeys((moment.name or customer, *moment.link)))
        if len(names) < 2:
            self.findings.error(moment.link_path, Code.NO_EFFECT, "the customer has no other name to link")
        longest = max(map(len, names))
        if longest > LONGEST_NAME or len(names) > MOST_ALIASES + 1:
            text = f"at most {MOST_ALIASES} names of at most {LONGEST_NAME} characters can be linked at once"
            self.findings.error(moment.link_path, Code.VALUE, text)
        return StoryStep(moment.number, Link(LinkCommand(names, moment.at)), ())

    def _find_customer(self, customer: Any, path: Path) -> _Customer | None:
        """The customer that a test names, or that is written into it."""
        if not isinstance(customer, str):
            return self._customer(customer, NOBODY, path)
        if customer not in self.customers:
            hint = self.findings.suggest(customer, self.customers)
            self.findings.error(path, Code.UNKNOWN, f"there is no customer {quote(customer)}", hint)
        return self.customers.get(customer)

    def _check_name(self, name: str, path: Path) -> None:
        if not name.isprintable():
            self.findings.error(path, Code.NAME, "the name of a test is one line of printable text")
        if name in self.names:
            self.findings.error(path, Code.DUPLICATE, f"a test {quote(name)} is there already")
        self.names.add(name)


def objections_of(
    customer: str, purposes: Sequence[str], requests: Sequence[Request]
) -> tuple[ObjectionCommand, ...]:
    """What notes the objections, just before the first decision; none where nothing is decided."""
    if not requests:
        return ()
    actor = PrivacyActor("scenario", "log", requests[0].now - 1)
    return tuple(ObjectionCommand(customer, purpose, True, "", actor) for purpose in dict.fromkeys(purposes))


def with_trends(step: StoryStep, trends: GivenTrends) -> StoryStep:
    """The step, whose decision reads the stated trends."""
    if not isinstance(step.act, Decide):
        return step
    return replace(step, act=replace(step.act, request=step.act.request._replace(trends=trends)))
