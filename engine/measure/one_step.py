"""Makes logged decisions by another book, one step ahead: each at its logged history, with what a challenger read of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from engine.decide.attributes.zones import CLOCK
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation, evaluate
from engine.decide.pressure.counters import QuotaCounts
from engine.decide.pressure.registry import SHARED
from engine.decide.select import Selection, select
from engine.decide.signals.strata import PREFIX
from engine.explain.books import Books
from engine.ledger.commit.replay import (
    LoggedDecision,
    logged_decision_of,
    logged_state_of,
    one_step_history,
)
from engine.ledger.queries.challenges import challenge_of, count_challenged
from engine.ledger.store.rows import DecisionRow
from engine.ledger.store.store import Store
from engine.model.contact import Contact
from engine.model.instant import Instant
from engine.rulebook.model.derived import NEAREST, PlaceSet

_DERIVED = (PREFIX, *CLOCK)
"""Prefixes of attributes that are derived again from the others."""

NO_BOOK = "the book that decided is not in the log"
NOT_LOGGED = "reads {}, which was not logged"
MASKED = "reads {}, whose value the log does not hold"
DEFINED = "defines {} otherwise"
KEPT = "keeps the draws of {}, which were not logged"
OUTCOMES = "has pauses that read outcomes which were not logged"
NO_NAME = "has no {} {}"
COUNTER = "reads the shared counter {}, which was not read then"


class BookSide:
    """A book that makes decisions which another one has made."""

    def __init__(self, compiled: CompiledBook, name: str) -> None:
        self.compiled, self.name = compiled, name
        self._unknown: dict[tuple[str, str], str] = {}
        """By versions of the deciding book and of a challenger, why no decision of them can be made; empty: it can."""
        self._values_read = compiled.values_read()

    def why_not(
        self, logged: LoggedDecision, deciding: CompiledBook, challenger: CompiledBook | None = None
    ) -> str:
        """Why the decision cannot be made; empty: it can.

        challenger: the book of which the logged state has the attributes, too.
        """
        versions = deciding.book.version, challenger.book.version if challenger else ""
        if versions not in self._unknown:
            is_same = self.compiled.book.version in versions
            self._unknown[versions] = "" if is_same else _why_unknown(self.compiled, deciding, challenger)
        if reason := self._unknown[versions]:
            return f"{self.name} {reason}"
        if logged.state.lacking:
            return logged.state.lacking
        hidden, logged_units = logged.state.masked, logged.state.request.units
        masked = sorted(self._values_read.intersection(hidden))
        masked += sorted(set(self.compiled.units).intersection(hidden).difference(logged_units))
        if masked:
            return f"{self.name} {MASKED.format(masked[0])}"
        request, book = logged.state.request, self.compiled.book
        if request.placement and request.placement not in book.placements:
            return f"{self.name} {NO_NAME.format('placement', request.placement)}"
        absent = sorted(set(request.channels).difference(book.channels))
        return f"{self.name} {NO_NAME.format('channel', absent[0])}" if absent else ""

    def evaluate(self, logged: LoggedDecision) -> Evaluation:
        """The evaluation of the logged request."""
        evaluation = evaluate(self.compiled, logged.state.request, logged.state.learned)
        return evaluation._replace(conversions=logged.state.conversions)

    def step(
        self, evaluation: Evaluation, logged: LoggedDecision, history: Sequence[Contact], counts: QuotaCounts
    ) -> Selection:
        """The selection at a history."""
        return select(evaluation, history, logged.state.person, logged.state.customer_state, counts)

    def history(
        self, logged: LoggedDecision, before: Sequence[Contact], deciding: CompiledBook
    ) -> Sequence[Contact]:
        """The contacts of the step: those that were counted, and for a book that did not decide the person's others.

        before: the person's contacts before the decision.
        """
        if self.compiled.book.version == deciding.book.version and logged.decision.candidate_outcomes:
            return logged.state.history
        return one_step_history(logged.state.history, before)


def unread_counter(selection: Selection, read: Mapping[str, int]) -> str:
    """A shared counter that the selection needed and the log does not have; empty: there is none."""
    for tried in selection.tried:
        for channel_result in tried.read:
            for rule_result in channel_result.rule_results:
                if rule_result.rule.kind in SHARED and rule_result.rule.name not in read:
                    return rule_result.rule.name
    return ""


def _why_unknown(compiled: CompiledBook, deciding: CompiledBook, challenger: CompiledBook | None) -> str:
    """Why no decision of the other book can be made by this one; empty: nothing stands against it."""
    unlogged = compiled.referenced - deciding.referenced
    if challenger is not None:
        unlogged -= challenger.referenced
    derived_again = compiled.book.derived.anniversaries
    names = sorted(name for name in unlogged if not name.startswith(_DERIVED) and name not in derived_again)
    if names:
        return NOT_LOGGED.format(names[0])
    mine, theirs = compiled.book.derived, deciding.book.derived
    used = {name.split(".")[1] for name in compiled.referenced if name.startswith(("pattern.", "distance."))}
    for kind in ("patterns", "distances"):
        for name in sorted(used.intersection(getattr(mine, kind))):
            if getattr(mine, kind)[name] != getattr(theirs, kind).get(name):
                return DEFINED.format(name)
    for name in sorted(name for name in compiled.referenced if name.startswith(NEAREST)):
        owner, _, column = name.removeprefix(NEAREST).rpartition(".")
        if _sites(mine.places[owner], column) != _sites(theirs.places.get(owner), column):
            return DEFINED.format(name)
    for name, signal in mine.signals.items():
        if f"signal.{name}" in compiled.referenced and signal.hold and theirs.signals.get(name) != signal:
            return DEFINED.format(f"the remembered signal {name}")
    return _why_unread(compiled, deciding)


def _sites(place_set: PlaceSet | None, column: str) -> list[tuple[float, float, str | None]] | None:
    """What the nearest place of a set, and its field, are read from: other columns may be otherwise."""
    if place_set is None:
        return None
    return [(site.latitude, site.longitude, site.fields.get(column)) for site in place_set.places]


def _why_unread(compiled: CompiledBook, deciding: CompiledBook) -> str:
    """Which state of the customer the other book did not read; empty: it read all that this one reads."""
    if unkept := sorted(_sticky(compiled) - _sticky(deciding)):
        return KEPT.format(unkept[0])
    more = compiled.pressure.outcomes - deciding.pressure.outcomes
    return OUTCOMES if more or compiled.pressure.hindsight > deciding.pressure.hindsight else ""


def _sticky(compiled: CompiledBook) -> set[str]:
    """The campaigns that keep their draws."""
    return {name for name, campaign in compiled.book.campaigns.items() if campaign.sticky}


class ChallengedStates:
    """What the log has of decisions because a challenger read it: attributes, counters and outcomes of its book."""

    def __init__(self, store: Store, books: Books, period: tuple[Instant, Instant]) -> None:
        self._store, self._books = store, books
        with store.transaction(writes=False):
            self._is_empty = not count_challenged(store, *period)

    def of(
        self, row: DecisionRow, deciding: CompiledBook, compiled: CompiledBook
    ) -> tuple[LoggedDecision, CompiledBook, Mapping[str, Any]] | None:
        """The decision with the state that a book may read of it, its challenger's book, and that state's trace.

        deciding: the book that decided; compiled: the one that reads. The state is the challenger's where its book is the one
        that reads; else it is the logged one, with the challenger's attributes and units. None where the decision was not
        challenged.
        """
        if self._is_empty:
            return None
        with self._store.transaction(writes=False):
            challenge = challenge_of(self._store, row.decision_id)
        challenger = None if challenge is None else self._books.of(challenge.book_version)
        if challenge is None or challenger is None:
            return None
        live, trace = orjson.loads(row.trace), orjson.loads(challenge.trace)
        if challenger.book.version == compiled.book.version:
            for key in _BOTH:
                trace[key] = [*trace.get(key, ()), *live.get(key, ())]
            read = row._replace(inputs=challenge.inputs, trace=orjson.dumps(trace).decode())
            logged = logged_decision_of(row, deciding)
            return logged._replace(state=logged_state_of(read, compiled)), challenger, trace
        inputs, more = orjson.loads(row.inputs), orjson.loads(challenge.inputs)
        inputs["attributes"] = {**more["attributes"], **inputs["attributes"]}
        if units := {**more.get("units", {}), **inputs.get("units", {})}:
            inputs["units"] = units
        inputs["masked"] = sorted({*inputs["masked"], *more["masked"]} - inputs["attributes"].keys())
        read = row._replace(inputs=orjson.dumps(inputs).decode())
        return logged_decision_of(read, compiled), challenger, live


_BOTH = ("counters", "learned", "propensities", "prices")
"""What a challenger's trace and the live one have for different rules and campaigns."""
