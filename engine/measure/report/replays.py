"""Tries what a report supposes: makes logged decisions again at their logged history, with one thing changed in the book.

The change is one step: the person's contacts are those of the log, and nothing that follows from the change is made up. Each
decision is made by the book that made it, once as it was and once changed; one that does not come out as it was logged tells
nothing of the change and is counted apart.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import floor, fsum, log10
from typing import NamedTuple, TypeAlias

import orjson

from engine.decide.arbitrate.campaign import CampaignChannel, CompiledCampaign, with_rank
from engine.decide.arbitrate.rank import factor_value
from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.evaluate import Evaluation, evaluate
from engine.decide.pressure.counters import OF_PLACES
from engine.decide.pressure.registry import PRESSURE, SHARED
from engine.decide.select import SelectedProposal, Selection, TriedCandidate
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.explain.replay import select_again
from engine.ledger.commit.replay import LoggedState, logged_state_of
from engine.ledger.store.packing import is_packed, unpack
from engine.ledger.store.rows import DecisionRow
from engine.measure.database import open_database
from engine.measure.export.packed import read_dictionaries
from engine.measure.export.source import LogColumn, LogSource
from engine.measure.report.tables import Tables
from engine.model.decision import WITHHELD, ReasonCode
from engine.rulebook.load import load_text

MOST = 10_000
"""Decisions on which one supposition is tried; of more a sample, by a hash of their ids."""
_MOST_IN_ALL = 60_000
_FEWEST = 500
_PAGE = 256
_MOST_BOOKS = 4
"""Compiled books that are held at once: decisions come in order of time, and so do their books."""
_NUMBERS = {"at", "next_allowed_at", "expires_at"}
_FRACTIONS = {"score", "selection_probability"}
_COLUMNS = tuple(
    LogColumn(name, "integer" if name in _NUMBERS else "number" if name in _FRACTIONS else "text")
    for name in DecisionRow._fields
)
GONE = "it is no longer in the log"
NO_BOOK = "its book is not in the log"
OTHERWISE = "it does not come out as it was logged"
UNREAD = "a shared counter was not read then"


class ValueTimes(NamedTuple):
    """A campaign's value, times a factor."""

    campaign: str
    factor: float


class WithoutRule(NamedTuple):
    """A rule of contact pressure, taken out."""

    rule: str


Supposed: TypeAlias = ValueTimes | WithoutRule


class Supposition(NamedTuple):
    """A change, and the decisions on which it is tried."""

    change: Supposed
    decision_ids: Sequence[str]
    whole: int
    """The decisions that it concerns; more than are tried where there are too many."""


@dataclass(slots=True)
class Supposal:
    """What came of a change."""

    whole: int
    sampled: int
    tried: int = 0
    """Decisions that could be made again."""
    won: int = 0
    """Of a value: decisions in which the campaign was chosen, withheld ones too."""
    went: int = 0
    """Of a rule: contacts that went and had not gone before."""
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of a value: why the campaign was not chosen: code, and the name of the rule or rival."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Why decisions could not be made again."""
    values: list[float] = field(default_factory=list)
    """Of a rule: by decision, value × propensity of what went, less that of what had gone before."""

    @property
    def scale(self) -> float:
        """All decisions over those that were tried; 1 where all of them were."""
        return self.whole / self.tried if self.tried else 1.0

    @property
    def value(self) -> float:
        """Σ(value × propensity), of the decisions that were tried."""
        return fsum(self.values)

    @property
    def sample(self) -> str:
        """In words, that it is a sample; empty where it is none."""
        parts = [f"a sample of {self.whole:,}"] if self.sampled < self.whole else []
        parts += [f"{number:,} not replayable ({reason})" for reason, number in sorted(self.unknown.items())]
        return "; ".join(parts)


def above(number: float) -> float:
    """The next number above that has three significant digits."""
    digits = 2 - floor(log10(number))
    unit = 10.0**digits
    return round((floor(number * unit) + 1) / unit, max(0, digits))


def most_tried(suppositions: int) -> int:
    """On how many decisions each of so many suppositions is tried."""
    return min(MOST, max(_FEWEST, _MOST_IN_ALL // max(1, suppositions)))


def try_changes(
    url: str,
    tables: Tables,
    suppositions: Sequence[Supposition],
    progress: Callable[[int, int], None] = lambda *_: None,
) -> dict[Supposed, Supposal]:
    """Tries each of the changes on its decisions.

    url: the log, which is read and not written. Books are those of the export. progress: called with the decisions that
    are made again, of how many. Raises LedgerUnavailable.
    """
    supposals = {
        supposition.change: Supposal(supposition.whole, len(supposition.decision_ids))
        for supposition in suppositions
    }
    changes: dict[str, list[Supposed]] = {}
    for supposition in suppositions:
        for decision_id in supposition.decision_ids:
            changes.setdefault(decision_id, []).append(supposition.change)
    if not changes:
        return supposals
    trier = _Trier(tables, supposals)
    with LogSource(url) as log:
        for done, (decision_id, row) in enumerate(decision_rows(log, sorted(changes))):
            trier.add(row, changes[decision_id])
            if done % _PAGE == 0:
                progress(done, len(changes))
    progress(len(changes), len(changes))
    return supposals


def decision_rows(log: LogSource, decision_ids: Sequence[str]) -> Iterator[tuple[str, DecisionRow | None]]:
    """The rows of the decisions, in the order of the ids; None where the log has none."""
    with open_database() as connection:
        with log.rows(log.columns_statement("decisions")) as stream:
            connection.register("source", stream)
            present = [name for (name,) in connection.execute("SELECT name FROM source").fetchall()]
            connection.unregister("source")
        dictionaries = read_dictionaries(log, connection)
        decoded = ", ".join(column.decoded for column in _COLUMNS)
        for start in range(0, len(decision_ids), _PAGE):
            page = decision_ids[start : start + _PAGE]
            listed = ", ".join(_literal(decision_id) for decision_id in page)
            with log.rows(
                log.statement("decisions", _COLUMNS, present, f"WHERE decision_id IN ({listed})")
            ) as stream:
                connection.register("source", stream)
                rows = connection.execute(f"SELECT {decoded} FROM source").fetchall()  # noqa: S608 - names of columns
                connection.unregister("source")
            by_id = {row[0]: _whole(DecisionRow(*row), dictionaries) for row in rows}
            for decision_id in page:
                yield decision_id, by_id.get(decision_id)


def _whole(row: DecisionRow, dictionaries: Mapping[int, str]) -> DecisionRow:
    """The row with its texts unpacked."""
    if not is_packed(row.answer):
        return row
    inputs, trace, answer = unpack(row.answer, dictionaries.__getitem__)
    return row._replace(inputs=inputs, trace=trace, answer=answer)


def books_of(tables: Tables) -> Callable[[str], CompiledBook | None]:
    """Gives the book of a version, compiled, from its text in the export; None where there is none."""
    texts = "SELECT any_value(text) FROM all_books WHERE version = ?"

    @lru_cache(maxsize=_MOST_BOOKS)
    def compiled_of(version: str) -> CompiledBook | None:
        (text,) = tables.row(texts, [version])
        book = None if text is None else load_text(text).book
        if book is None or book.version != version:
            return None
        return compile_book(book, PythonEvaluator)

    return compiled_of


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class _Trier:
    """Makes decisions again, and adds up what comes of the changes."""

    def __init__(self, tables: Tables, supposals: Mapping[Supposed, Supposal]) -> None:
        self._supposals = supposals
        compiled_of = books_of(tables)

        @lru_cache(maxsize=_MOST_BOOKS)
        def changed_book(version: str) -> _ChangedBook | None:
            compiled = compiled_of(version)
            return None if compiled is None else _ChangedBook(compiled)

        self._book_of = changed_book

    def add(self, row: DecisionRow | None, changes: Iterable[Supposed]) -> None:
        """Adds a decision to the changes that it is for."""
        if row is None:
            return self._count_unknown(changes, GONE)
        book = self._book_of(row.book_version)
        if book is None:
            return self._count_unknown(changes, NO_BOOK)
        try:
            logged = logged_state_of(row, book.compiled)
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, ValueError):
            return self._count_unknown(changes, OTHERWISE)
        if logged.lacking:
            return self._count_unknown(changes, logged.lacking)
        if book.values_read.intersection(logged.masked):
            return self._count_unknown(changes, OTHERWISE)
        before = decided(book.compiled, logged)
        for change in changes:
            reason = self._try(change, book, (row, logged), before)
            if reason:
                self._supposals[change].unknown[reason] += 1
        return None

    def _count_unknown(self, changes: Iterable[Supposed], reason: str) -> None:
        for change in changes:
            self._supposals[change].unknown[reason] += 1

    def _try(
        self,
        change: Supposed,
        book: "_ChangedBook",
        decision: tuple[DecisionRow, LoggedState],
        before: tuple[Evaluation, Selection],
    ) -> str:
        """Tries one change on one decision; why it cannot be tried, else empty."""
        row, logged = decision
        if not _concerns(change, before[1]):
            return OTHERWISE
        after = decided(book.changed(change, before[0]), logged)
        if reads_more(after[1], row):
            return UNREAD
        supposal = self._supposals[change]
        supposal.tried += 1
        if isinstance(change, ValueTimes):
            reason = next(tried.reason for tried in after[1].tried if campaign_name(tried) == change.campaign)
            if reason.code is ReasonCode.CHOSEN or reason.code in WITHHELD:
                supposal.won += 1
            else:
                supposal.lost[str(reason.code), reason.name] += 1
            return ""
        gone = {_contact(selected) for selected in before[1].offered}
        supposal.went += sum(_contact(selected) not in gone for selected in after[1].offered)
        supposal.values.append(_value(*after) - _value(*before))
        return ""


class _ChangedBook:
    """A book with what changes make of it."""

    def __init__(self, compiled: CompiledBook) -> None:
        self.compiled = compiled
        self.values_read = compiled.values_read()
        self._changed: dict[Supposed, CompiledBook] = {}

    def changed(self, change: Supposed, evaluation: Evaluation) -> CompiledBook:
        """The book with the change; a value that an attribute gives is that of the evaluation."""
        if change in self._changed:
            return self._changed[change]
        fixed, campaigns = True, []
        for compiled_campaign in self.compiled.compiled_campaigns:
            if isinstance(change, WithoutRule):
                campaigns.append(_without(compiled_campaign, change.rule))
            elif compiled_campaign.campaign.name == change.campaign:
                factor = compiled_campaign.value
                fixed = factor.attribute is None
                value = factor_value(factor, evaluation.request.attributes) * change.factor
                campaigns.append(with_rank(compiled_campaign, value=value))
            else:
                campaigns.append(compiled_campaign)
        changed = replace(self.compiled, compiled_campaigns=tuple(campaigns))
        if fixed:
            self._changed[change] = changed
        return changed


def _without(compiled_campaign: CompiledCampaign, name: str) -> CompiledCampaign:
    """The campaign without the rule, on each of its channels."""
    channels: dict[str, CampaignChannel] = {
        channel: replace(
            campaign_channel,
            rules=tuple(rule for rule in campaign_channel.rules if rule.name != name),
            quotas=tuple(rule for rule in campaign_channel.quotas if rule.name != name),
            places=None if name == f"{channel}{OF_PLACES}" else campaign_channel.places,
            by_place={},
        )
        for channel, campaign_channel in compiled_campaign.campaign_channels.items()
    }
    return replace(compiled_campaign, campaign_channels=channels)


def decided(compiled: CompiledBook, logged: LoggedState) -> tuple[Evaluation, Selection]:
    """The decision, made again by the book at the logged state."""
    return select_again(evaluate(compiled, logged.request, logged.learned), logged)


def _concerns(change: Supposed, before: Selection) -> bool:
    """Whether the decision, as it is made again, is one that the log said it was."""
    if isinstance(change, ValueTimes):
        return any(
            campaign_name(tried) == change.campaign and tried.reason.code is ReasonCode.OUTRANKED
            for tried in before.tried
        )
    return any(
        rule_result.blocks and rule_result.rule.name == change.rule
        for tried in before.tried
        for channel_result in tried.read
        for rule_result in channel_result.rule_results
    )


def reads_more(after: Selection, row: DecisionRow) -> bool:
    """Whether a shared counter is read that the logged decision did not read."""
    shared = {
        rule_result.rule.name
        for tried in after.tried
        for channel_result in tried.read
        for rule_result in channel_result.rule_results
        if rule_result.rule.kind in SHARED
    }
    return bool(shared) and not shared.issubset(counter[0] for counter in orjson.loads(row.trace)["counters"])


def campaign_name(tried: TriedCandidate) -> str:
    """The name of the candidate's campaign."""
    return tried.candidate.compiled_campaign.campaign.name


def _contact(selected: SelectedProposal) -> tuple[str, str]:
    proposal = selected.proposal
    return proposal.compiled_campaign.campaign.name, proposal.campaign_channel.channel


def _value(evaluation: Evaluation, selection: Selection) -> float:
    """Σ(value × propensity) of what goes."""
    propensities = {campaign_name(tried): tried.candidate.propensity for tried in selection.tried}
    attributes, total = evaluation.request.attributes, 0.0
    for selected in selection.offered:
        compiled_campaign = selected.proposal.compiled_campaign
        learned = propensities[compiled_campaign.campaign.name]
        rate = (
            factor_value(compiled_campaign.campaign.propensity, attributes)
            if learned is None
            else learned.rate
        )
        total += factor_value(compiled_campaign.value, attributes) * rate
    return total


def is_pressure(code: str) -> bool:
    """Whether the code of a reason is that of a rule of contact pressure."""
    return code in {str(pressure) for pressure in PRESSURE}
