"""Reading scenarios: files in, scenarios or diagnostics out; nothing in the files makes it raise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as Folder
from typing import Any

from engine.decide.compiled import CompiledBook
from engine.ledger.commit.identity import LinkCommand
from engine.rulebook.report.diagnostics import Code, Diagnostic, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.text.files import Sources
from engine.rulebook.text.merge import check_name
from engine.scenario import sources
from engine.scenario.contexts import ContextLayer, ContextReader
from engine.scenario.expectations import ExpectationReader
from engine.scenario.model import Decide, Link, Record, Scenario, StoryStep
from engine.scenario.shapes import REQUEST_PARTS, CustomerShape, FileShape, OverrideShape, TestShape
from engine.scenario.stories import RecordingReader, StoryMoment, moments
from engine.wire.limits import LONGEST_NAME, MOST_ALIASES

NOBODY = "somebody"
"""The id of a customer who is written into a test and gives none."""


@dataclass(frozen=True, slots=True)
class LoadedScenarios:
    """What reading gives."""

    scenarios: tuple[Scenario, ...]
    """By file and line; empty if there is any error."""
    diagnostics: tuple[Diagnostic, ...]


def load_scenarios(book: Folder, compiled: CompiledBook) -> LoadedScenarios:
    """The scenarios in the book's folder tests/. Never raises."""
    return _load(sources.read_folder(book), compiled)


def load_scenario_files(contents: Mapping[str, bytes], compiled: CompiledBook) -> LoadedScenarios:
    """Scenarios from files by name. Never raises."""
    return _load(Sources(dict(contents)), compiled)


def _load(read: Sources, compiled: CompiledBook) -> LoadedScenarios:
    findings = Findings(start=min(read.files, default=""))
    for problem in read.problems:
        findings.report((problem.file, 1, 1), problem.code, problem.message, problem.hint)
    documents = sources.compose(read.files, findings)
    reader = _Reader(
        compiled,
        findings,
        ContextReader(compiled, findings),
        RecordingReader(compiled, findings),
        ExpectationReader(compiled, findings),
    )
    scenarios = reader.read(documents)
    return LoadedScenarios(() if findings.failed else tuple(scenarios), findings.sorted())


@dataclass(frozen=True, slots=True)
class _Customer:
    """A customer: the id, and what is known."""

    id: str
    layer: ContextLayer


@dataclass(slots=True)
class _Reader:
    """Reads the files' data; what is wrong with it goes to the findings."""

    compiled: CompiledBook
    findings: Findings
    contexts: ContextReader
    recordings: RecordingReader
    expectations: ExpectationReader
    customers: dict[str, _Customer | None] = field(default_factory=dict)
    """None: known, but wrong."""
    names: set[str] = field(default_factory=set)

    def read(self, documents: Mapping[str, Any]) -> list[Scenario]:
        """All scenarios, in the order of files and lines."""
        tests: list[tuple[Any, Path]] = []
        for file, data in documents.items():
            shape = shaped(FileShape, data, (file,), self.findings)
            if shape is not None:
                for name, value in shape.customers.items():
                    self._declare(name, value, (file, "customers", name))
                tests += [(each, (file, "tests", i)) for i, each in enumerate(shape.tests)]
        read = (self._scenario(data, path) for data, path in tests)
        return [one for one in read if one is not None]

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
        customer = _Customer(str(layer.data.get("customer", name)), layer)
        sound = self.contexts.request(customer.id, [layer], 0, path)
        return None if sound is None else customer

    def _scenario(self, data: Any, path: Path) -> Scenario | None:
        shape = shaped(TestShape, data, path, self.findings)
        if shape is None:
            return None
        self._check_name(shape.name, (*path, "name"))
        customer = self._who(shape.customer, (*path, "customer"))
        sound = [key for key in REQUEST_PARTS if key in data and (*path, key) not in self.findings.poisoned]
        parts = ContextLayer({key: data[key] for key in sound}, path)
        self.contexts.check_names(parts.data, path)
        different = self.contexts.layer(shape.with_, (*path, "with"), OverrideShape)
        found = moments(shape, path, self.compiled.book.timezone, self.findings)
        known = None if customer is None or different is None else (customer.layer, different, parts)
        who = "" if customer is None else customer.id
        decided = [one.number for one in found if one.record is None and not one.link]
        steps = [self._step(one, who, known, decided) for one in found]
        return Scenario(shape.name, self.findings.values[path], tuple(each for each in steps if each))

    def _step(
        self, one: StoryMoment, customer: str, known: Sequence[ContextLayer] | None, decided: Sequence[int]
    ) -> StoryStep | None:
        expected = self.expectations.read(one.expect, one.expect_path) if one.expect is not None else ()
        if one.link:
            return self._link(one, customer)
        if one.record is not None and known is not None:
            before = [number for number in decided if number < one.number]
            events = self.recordings.read(one.name or customer, one.record, one.at, one.record_path, before)
            return StoryStep(one.number, Record(events, self.findings.values[one.record_path]), ())
        layer = self.contexts.layer(one.decide, one.decide_path, OverrideShape)
        if layer is None or known is None:
            return None
        request = self.contexts.request(one.name or customer, [*known, layer], one.at, one.decide_path)
        return None if request is None else StoryStep(one.number, Decide(request), expected)

    def _link(self, one: StoryMoment, customer: str) -> StoryStep | None:
        """The names that the customer has from then on, the one used so far among them."""
        names = tuple(dict.fromkeys((one.name or customer, *one.link)))
        if len(names) < 2:
            self.findings.error(one.link_path, Code.NO_EFFECT, "the customer has no name but this")
        longest = max(map(len, names))
        if longest > LONGEST_NAME or len(names) > MOST_ALIASES + 1:
            text = f"at most {MOST_ALIASES} names of at most {LONGEST_NAME} characters can be linked at once"
            self.findings.error(one.link_path, Code.VALUE, text)
        return StoryStep(one.number, Link(LinkCommand(names, one.at)), ())

    def _who(self, given: Any, path: Path) -> _Customer | None:
        """The customer that is named, or written there."""
        if not isinstance(given, str):
            return self._customer(given, NOBODY, path)
        if given not in self.customers:
            hint = self.findings.suggest(given, self.customers)
            self.findings.error(path, Code.UNKNOWN, f"there is no customer {quote(given)}", hint)
        return self.customers.get(given)

    def _check_name(self, name: str, path: Path) -> None:
        if not name.isprintable():
            self.findings.error(path, Code.NAME, "the name of a test is one line of printable text")
        if name in self.names:
            self.findings.error(path, Code.DUPLICATE, f"a test {quote(name)} is there already")
        self.names.add(name)
