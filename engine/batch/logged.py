"""What the log holds of customers, as rules of contact pressure see it: whom they cannot tell apart is decided alike."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.batch.columns import Bools, Codes, ValueColumn
from engine.batch.contacts import LEAST_ALIKE, AlikeContacts
from engine.decide.compiled import CompiledBook
from engine.decide.pressure.consent import objected_since, withdrawn_since
from engine.model.contact import Contact
from engine.model.customer import NOTHING_SAID, Consent, Consents, CustomerState
from engine.model.instant import Instant
from engine.model.outcome import PastOutcome

_MOST_KEPT = 1 << 16
"""Histories of which it is kept how often they came."""


class LoggedHistory(NamedTuple):
    """What rules of contact pressure read of one customer besides what a request brings."""

    contacts: tuple[Contact, ...] = ()
    """Those that may still count."""
    consents: tuple[tuple[str, Consent], ...] = ()
    """By purpose."""
    outcomes: tuple[PastOutcome, ...] = ()
    """Of the types that some pause names."""

    @property
    def state(self) -> CustomerState:
        """Consents and outcomes, as the engine reads them."""
        if not self.consents and not self.outcomes:
            return NOTHING_SAID
        return CustomerState(dict(self.consents), self.outcomes)


NOTHING_LOGGED = LoggedHistory()


class _AlikeKey(NamedTuple):
    """A history that stands for others, with numbers for its contacts, which are compared in no time."""

    contacts: tuple[int, ...] = ()
    """Ascending."""
    consents: tuple[tuple[str, Consent], ...] = ()
    outcomes: tuple[PastOutcome, ...] = ()


_NOTHING = _AlikeKey()


class AlikeColumn(NamedTuple):
    """Histories that stand for those of customers."""

    column: ValueColumn
    covered: Bools
    """By customer, whether enough others have the same for columns to decide them."""
    rounded: Bools
    """By customer, whether its moments are those of others: what they get is the same, but not when they may get something."""

    @property
    def nothing(self) -> Bools:
        """By customer, whether nothing in the history makes a difference."""
        return self.column.test(lambda own: own == NOTHING_LOGGED)

    def taken(self, rows: Codes) -> ValueColumn:
        """The histories of these customers."""
        return ValueColumn(self.column.codes[rows], self.column.values)


class AlikeHistories:
    """Finds for histories those that stand for all that no rule of a book can tell from them at a moment."""

    def __init__(self, compiled: CompiledBook, now: Instant) -> None:
        self._pressure, self._now = compiled.pressure, now
        self._alike = AlikeContacts(compiled.pressure)
        channels = [on for own in compiled.compiled_campaigns for on in own.campaign_channels.values()]
        self._purposes = sorted({purpose for on in channels for purpose in on.purposes})
        self._objections = sorted({purpose for on in channels for purpose in on.objections})
        self._contacts: list[Contact] = []
        """By number, contacts that stand for others."""
        self._number_of: dict[Contact, int] = {}
        self._standing: dict[Contact, tuple[int, Instant]] = {}
        """Of contacts as they are logged, which stands for them, and until when some rule counts it."""
        self._counted: dict[int, int | None] = {}
        """By number, which stands for it if only the moment matters; None: no rule counts it then."""
        self._paused: dict[frozenset[tuple[str, str, str, str]], tuple[PastOutcome, ...]] = {}
        """By the pauses that hold, outcomes by which they do."""
        self._came: Counter[_AlikeKey] = Counter()
        """How often a history came that stands for others."""

    def column(self, histories: Sequence[LoggedHistory]) -> AlikeColumn:
        """What stands for the histories of customers.

        Where at least four have the same to the microsecond, that; else one by which the same rules hold at the moment.
        """
        exact = list(map(self._exact, histories))
        numbers = Counter(exact)
        alike = [
            own if own == _NOTHING or numbers[own] >= LEAST_ALIKE else self._rounded(own) for own in exact
        ]
        rounded = [own != other for own, other in zip(alike, exact, strict=True)]
        if len(self._came) > _MOST_KEPT:
            self._came.clear()
        self._came.update(alike)
        covered = [own == _NOTHING or self._came[own] >= LEAST_ALIKE for own in alike]
        return AlikeColumn(self._coded(alike), np.array(covered, np.bool_), np.array(rounded, np.bool_))

    def of_states(self, states: Sequence[CustomerState]) -> ValueColumn:
        """The same of customers without contacts of whom states are known; it is right to the moment for each of them."""
        histories = (LoggedHistory((), tuple(own.consents.items()), tuple(own.outcomes)) for own in states)
        return self._coded([self._exact(own) for own in histories])

    def _exact(self, history: LoggedHistory) -> _AlikeKey:
        """The history without what no rule reads at the moment or later."""
        now = self._now
        standing = (self._stands_for(contact) for contact in history.contacts)
        return _AlikeKey(
            tuple(sorted(number for number, until in standing if until > now)),
            self._said(dict(history.consents)) if history.consents else (),
            self._holding(history.outcomes) if history.outcomes else (),
        )

    def _stands_for(self, contact: Contact) -> tuple[int, Instant]:
        known = self._standing.get(contact)
        if known is None:
            if len(self._standing) >= _MOST_KEPT:
                self._standing.clear()
            standing, until = self._alike.of(contact)
            known = self._standing[contact] = self._numbered(standing), until
        return known

    def _numbered(self, contact: Contact) -> int:
        number = self._number_of.setdefault(contact, len(self._contacts))
        if number == len(self._contacts):
            self._contacts.append(contact)
        return number

    def _rounded(self, own: _AlikeKey) -> _AlikeKey:
        """One by which the same rules hold now."""
        outcomes = own.outcomes
        if outcomes:
            outcomes = self._paused.setdefault(self._pressure.pauses_in_force(outcomes, self._now), outcomes)
        counted = (self._counted_as(number) for number in own.contacts)
        numbers = tuple(sorted(number for number in counted if number is not None))
        return own._replace(contacts=numbers, outcomes=outcomes)

    def _counted_as(self, number: int) -> int | None:
        if number not in self._counted:
            contact = self._alike.at(self._contacts[number], self._now)
            self._counted[number] = None if contact is None else self._numbered(contact)
        return self._counted[number]

    def _said(self, consents: Consents) -> tuple[tuple[str, Consent], ...]:
        """The purposes that are barred, and the objections in force, whenever they were reported."""
        barred = [purpose for purpose in self._purposes if withdrawn_since(consents, purpose) is not None]
        barred += [
            purpose for purpose in self._objections if objected_since(consents, (purpose,)) is not None
        ]
        return tuple((purpose, Consent(withdrawn_at=self._now)) for purpose in barred)

    def _holding(self, outcomes: Sequence[PastOutcome]) -> tuple[PastOutcome, ...]:
        """The outcomes, if some pause holds by them."""
        return tuple(sorted(outcomes)) if self._pressure.pauses_in_force(outcomes, self._now) else ()

    def _coded(self, keys: Sequence[_AlikeKey]) -> ValueColumn:
        numbers: dict[_AlikeKey, int] = {}
        codes = [numbers.setdefault(own, len(numbers)) for own in keys]
        contacts = self._contacts
        values = [
            LoggedHistory(tuple(contacts[number] for number in own.contacts), own.consents, own.outcomes)
            for own in numbers
        ]
        return ValueColumn(np.array(codes, np.int64), values)
