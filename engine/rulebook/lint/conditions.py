"""Conditions that never hold, always hold, or surprise where an attribute is missing."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations

from engine.conditions.model import ALWAYS, All, Audience, Condition, None_, Operator, Test
from engine.rulebook.lint.domains import domain_of_field, domains_of
from engine.rulebook.lint.located import (
    Located,
    conditions_of,
    event_conditions_of,
    line_of,
    nodes_in,
    tests_in,
)
from engine.rulebook.lint.solver import Solver
from engine.rulebook.model.book import Book, Campaign
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.text.nodes import PlainData

_MOST_PARTS = 40
"""Parts of a group that are compared in pairs to say which two exclude each other."""
_UNLIKE = (Operator.NE, Operator.NOT_IN)
_EMPTY = {
    Operator.CONTAINS: "contains the empty text",
    Operator.STARTS_WITH: "starts with the empty text",
    Operator.ENDS_WITH: "ends with the empty text",
    Operator.MATCHES: "matches the empty expression",
}


def check_conditions(book: Book, data: PlainData, solver: Solver, findings: Findings) -> None:
    """Report on every condition of the book, at the part that is wrong."""
    nodes = list(conditions_of(book, data))
    rules = _ConditionRules(solver, findings, "customer")
    # Signals are also concluded when events are recorded: then nothing else is known, not even the hour.
    recorded = Solver(lambda name: replace(solver.domain(name), may_be_missing=True))
    of_signals = _ConditionRules(recorded, findings, "customer")
    for node in nodes:
        findings.check_superseded()
        (of_signals if node.path[0] == "signals" else rules).check(node)
        _check_missing(node, solver, findings)
    behaviours = [inner for node in nodes for inner in nodes_in(node) if inner.behaviour]
    of_events = _ConditionRules(Solver(domain_of_field), findings, "event")
    for node in event_conditions_of(behaviours, book, data):
        of_events.check(node)
    for campaign in book.campaigns.values():
        _check_inside(campaign, solver, findings)


@dataclass(slots=True)
class _ConditionRules:
    """Looks for the smallest parts of conditions that never hold, or always do."""

    solver: Solver
    findings: Findings
    noun: str
    """Of whom or what the conditions are."""
    settled: dict[str, bool] = field(default_factory=dict)
    """By audience, whether it never or always holds: reported once, where it is written."""

    def check(self, node: Located) -> bool:
        """Whether the condition, or a part of it, was reported; what contains it is then not reported again."""
        if isinstance(node.condition, Audience):
            return self._is_settled(node.condition)
        if isinstance(node.condition, Test):
            _check_empty(node.condition, node.path, self.findings)
        reported = [self.check(part) for part in node.parts]
        if any(reported):
            return True
        if self.solver.never(node.condition):
            self._report_never(node)
            return True
        if self.solver.always(node.condition):
            message = f"this holds for every {self.noun}, so it has no effect"
            self.findings.remark(
                node.path, Code.ALWAYS_TRUE, message, Severity.WARNING, "take it out, or write what was meant"
            )
            return True
        return False

    def _is_settled(self, audience: Audience) -> bool:
        if audience.name not in self.settled:
            inner = audience.condition
            self.settled[audience.name] = self.solver.never(inner) or self.solver.always(inner)
        return self.settled[audience.name]

    def _report_never(self, node: Located) -> None:
        pair = self._excluding(node)
        if pair is None:
            message, path, hint = _alone(node), node.path, "take it out, or write what was meant"
        else:
            first, second = sorted(pair, key=lambda part: self.findings.key_location(part.path))
            message, path = self._apart(first, second), second.path
            hint = "write `any:` with a list of two conditions if either is enough"
        self.findings.remark(path, Code.NEVER_TRUE, message, Severity.WARNING, hint)

    def _excluding(self, node: Located) -> tuple[Located, Located] | None:
        """Two parts that exclude each other; None if it takes more of them, or the condition is not a conjunction."""
        parts = list(_conjuncts(node))
        if len(parts) > _MOST_PARTS:
            return None
        pairs = combinations(parts, 2)
        return next(
            (pair for pair in pairs if self.solver.never(All(tuple(part.condition for part in pair)))), None
        )

    def _apart(self, first: Located, second: Located) -> str:
        """What the message says of two parts that exclude each other."""
        left, right = first.condition, second.condition
        if isinstance(left, Test) and isinstance(right, Test) and left.attribute == right.attribute:
            return (
                f"no value of {quote(left.attribute)} passes both `{left.operator}` and `{right.operator}`: "
                "the condition never holds"
            )
        where = line_of(first.path, second.path, self.findings)
        return f"this and {_label(first)} in {where} exclude each other: the condition never holds"


def _conjuncts(node: Located) -> Iterator[Located]:
    """The parts of a conjunction that all must hold, through conjunctions inside it."""
    if not isinstance(node.condition, All):
        yield node
    for part in node.parts if isinstance(node.condition, All) else ():
        yield from _conjuncts(part)


def _label(node: Located) -> str:
    key = next((part for part in reversed(node.path) if isinstance(part, str)), "")
    return f"`{key}`"


def _alone(node: Located) -> str:
    test = node.condition
    if isinstance(test, Test):
        return f"no value that {quote(test.attribute)} can have passes `{test.operator}`: this never holds"
    return "the parts of this exclude each other: it never holds"


def _check_empty(test: Test, path: Path, findings: Findings) -> None:
    if test.operator in _EMPTY and test.operand == "":
        message = (
            f"every text {_EMPTY[test.operator]}: this only asks whether {quote(test.attribute)} is known"
        )
        hint = "write {exists: true} for that, or the text that was meant"
        findings.remark(path, Code.CONTAINS_EMPTY, message, Severity.WARNING, hint)


def _check_missing(root: Located, solver: Solver, findings: Findings) -> None:
    """Note what `ne` and `not_in` do with a missing attribute, unless the condition tests itself whether it is there."""
    tests = [node.condition for node in tests_in(root) if isinstance(node.condition, Test)]
    minded = {test.attribute for test in tests if test.operator is Operator.EXISTS}
    _note_missing(root, True, frozenset(minded), solver, findings)


def _note_missing(
    node: Located, positive: bool, present: frozenset[str], solver: Solver, findings: Findings
) -> None:
    """present: the attributes that are known wherever the outcome of the node matters, or about which the author thought."""
    test = node.condition
    if isinstance(test, Test):
        name = test.attribute
        if test.operator in _UNLIKE and name not in present and solver.domain(name).may_be_missing:
            who = f"customers without {quote(name)}"
            message = f"{who} do not pass `{test.operator}`, as a missing attribute passes no test"
            hint = f"write `none:` with `{name}: …` to let them pass, or add `exists: true` to leave them out"
            if not positive:
                message = f"{who} pass this `none`, as a missing attribute does not pass `{test.operator}`"
                hint = f"add `{name}: {{exists: true}}` to leave them out"
            findings.remark(node.path, Code.MAY_BE_MISSING, message, hint=hint)
        return
    if isinstance(test, All) and positive:
        inner = (part.condition for part in node.parts)
        present |= {
            part.attribute for part in inner if isinstance(part, Test) and part.operator not in _UNLIKE
        }
    for part in node.parts:
        _note_missing(part, positive is not isinstance(test, None_), present, solver, findings)


def _check_inside(campaign: Campaign, solver: Solver, findings: Findings) -> None:
    """Report variants and boosts whose condition contradicts the campaign's. Those that never hold are reported already."""
    path: Path = ("campaigns", campaign.name)
    if campaign.when == ALWAYS:
        return
    for variant in campaign.variants:
        if _excludes(campaign.when, variant.when, solver):
            message = (
                f"no customer gets the variant {quote(variant.name)}: its `when` contradicts the campaign's"
            )
            hint = "change one of the two, or delete the variant"
            here = (*path, "variants", variant.name, "when")
            findings.remark(here, Code.UNREACHABLE_VARIANT, message, Severity.WARNING, hint)
    for index, boost in enumerate(campaign.boosts):
        if _excludes(campaign.when, boost.when, solver):
            message = "this holds for no customer of the campaign: it contradicts the campaign's `when`"
            here = (*path, "boosts", index, "when")
            findings.remark(here, Code.NEVER_TRUE, message, Severity.WARNING, "change one of the two")


def _excludes(outer: Condition, inner: Condition, solver: Solver) -> bool:
    """Whether the two exclude each other although each of them can hold."""
    if inner == ALWAYS or not solver.never(All((outer, inner))):
        return False
    return not solver.never(outer) and not solver.never(inner)


def solver_of(book: Book) -> Solver:
    """The solver for conditions on customers."""
    return Solver(domains_of(book).__getitem__)
