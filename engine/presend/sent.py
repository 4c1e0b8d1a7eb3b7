"""What was decided for customers of a run, as its files hold it: what many have alike is there once."""

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.batch.columns import Codes, ScoreColumn
from engine.batch.results import RowDecision
from engine.ledger.store.rows import DecisionRow
from engine.model.decision import Decision, Reason
from engine.model.instant import Instant

REFUSED = "refused"
"""The outcome of a customer whose names could not be linked."""


class SentKind(NamedTuple):
    """What the decisions for many customers have alike."""

    outcome: str
    """An Outcome, or REFUSED."""
    campaign: str | None = None
    offer: str | None = None
    variant: str | None = None
    channel: str | None = None
    selection_probability: float = 1.0
    reasons: tuple[Reason, ...] = ()
    next_allowed_at: Instant | None = None
    expires_at: Instant | None = None


NOT_LINKED = SentKind(REFUSED)
"""Of customers whose names could not be linked: nothing was decided."""


class SentKinds:
    """What many customers of a run have alike, numbered in the order in which it came up; the first is NOT_LINKED."""

    def __init__(self) -> None:
        self.kinds: list[SentKind] = []
        self.forms: list[tuple[str, str, str, str]] = []
        """By number, outcome, campaign, variant and channel, by which the summary counts."""
        self._number_of: dict[SentKind, int] = {}
        self.number(NOT_LINKED)

    def number(self, kind: SentKind) -> int:
        """The number of the kind, a new one if it has none yet."""
        number = self._number_of.get(kind)
        if number is None:
            number = self._number_of[kind] = len(self.kinds)
            self.kinds.append(kind)
            self.forms.append(_form_of(kind))
        return number


def _form_of(kind: SentKind) -> tuple[str, str, str, str]:
    return kind.outcome, kind.campaign or "", kind.variant or "", kind.channel or ""


@dataclass(slots=True)
class SentRows:
    """The decisions for customers, in order."""

    customers: list[str]
    shared: SentKinds
    """Those of the run."""
    codes: Codes
    """By customer, the number of their kind in `shared`; below 0 of who was evaluated: -1 is the first in `alone`."""
    alone: list[SentKind]
    """The kinds of customers who were evaluated one by one, in order."""
    decision_ids: npt.NDArray[np.object_]
    """None where nothing is kept in the log: nothing was to be sent."""
    scores: ScoreColumn
    """NaN where nothing was chosen."""
    contents: dict[int, Mapping[str, str]]
    """By place, the texts of who gets some, where texts are wanted."""

    @classmethod
    def not_linked(cls, customers: Sequence[str], shared: SentKinds) -> "SentRows":
        """Customers of whom nothing is decided yet."""
        number = len(customers)
        codes, ids = np.zeros(number, np.int64), np.full(number, None, np.object_)
        return cls(list(customers), shared, codes, [], ids, np.full(number, np.nan), {})

    def __len__(self) -> int:
        return len(self.customers)

    @classmethod
    def joined(cls, parts: Sequence["SentRows"]) -> "SentRows":
        """The customers of all parts, of which there is at least one."""
        if len(parts) == 1:
            return parts[0]
        contents: dict[int, Mapping[str, str]] = {}
        codes: list[Codes] = []
        alone: list[SentKind] = []
        start = 0
        for part in parts:
            contents |= {start + at: own for at, own in part.contents.items()}
            codes.append(np.where(part.codes < 0, part.codes - len(alone), part.codes))
            alone += part.alone
            start += len(part)
        return cls(
            [customer for part in parts for customer in part.customers],
            parts[0].shared,
            np.concatenate(codes),
            alone,
            np.concatenate([part.decision_ids for part in parts]),
            np.concatenate([part.scores for part in parts]),
            contents,
        )

    def part(self, start: int, stop: int) -> "SentRows":
        """Some of the customers."""
        if (start, stop) == (0, len(self)):
            return self
        own = slice(start, stop)
        before, inside = np.count_nonzero(self.codes[:start] < 0), self.codes[own]
        return SentRows(
            self.customers[own],
            self.shared,
            np.where(inside < 0, inside + before, inside),
            self.alone[before : before + np.count_nonzero(inside < 0)],
            self.decision_ids[own],
            self.scores[own],
            {at - start: texts for at, texts in self.contents.items() if start <= at < stop},
        )

    def counts(self) -> dict[str, Any]:
        """What customers add to the summary: how many by outcome and by lane, and offers by campaign, variant and channel."""
        by_form = dict(Counter(map(_form_of, self.alone)))
        numbers = np.bincount(self.codes[self.codes >= 0])
        occurring, forms = np.flatnonzero(numbers), self.shared.forms
        for kind, number in zip(occurring.tolist(), numbers[occurring].tolist(), strict=True):
            form = forms[kind]
            by_form[form] = by_form.get(form, 0) + number
        outcomes: dict[str, int] = {}
        for form, number in by_form.items():
            outcomes[form[0]] = outcomes.get(form[0], 0) + number
        return {
            "outcomes": outcomes,
            "evaluated": len(self.alone),
            "forms": [[*form, number] for form, number in by_form.items() if form[1]],
        }


def kind_by_columns(proposed: RowDecision, offer: str | None) -> SentKind:
    """What the columns proposed, as it is sent."""
    form = proposed.chosen[0] if proposed.chosen else None
    return SentKind(
        proposed.outcome.value,
        form and form.campaign,
        offer,
        form and form.variant,
        form and form.channel,
        proposed.selection_probability,
        proposed.reasons,
        proposed.next_allowed_at,
        form and form.expires_at,
    )


def kind_by_engine(decision: Decision, row: DecisionRow | None) -> SentKind:
    """What the engine decided, as it is sent; row: None where nothing is kept."""
    return SentKind(
        decision.outcome.value,
        row and row.campaign,
        row and row.offer,
        row and row.variant,
        row and row.channel,
        decision.selection_probability,
        decision.reasons,
        decision.next_allowed_at,
        row and row.expires_at,
    )


_DIGITS = np.frombuffer(b"".join(f"{octet:02x}".encode() for octet in range(256)), np.uint16)
"""Of each octet its two digits, side by side."""
_GROUPS = ((0, 8), (9, 13), (14, 18), (19, 23), (24, 36))
"""Where digits stand in the text of a UUID."""


def new_decision_ids(number: int) -> list[str]:
    """So many UUIDs of version 7 (RFC 9562) of the present millisecond, ascending."""
    octets = np.frombuffer(os.urandom(16 * number), np.uint8).reshape(number, 16).copy()
    octets[:, :6] = np.frombuffer((time.time_ns() // 1_000_000).to_bytes(6, "big"), np.uint8)
    octets[:, 6] = octets[:, 6] & 0x0F | 0x70
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    words = octets.view(">u8")
    digits = _DIGITS[octets[np.lexsort((words[:, 1], words[:, 0]))]].view(np.uint8)
    shown = np.full((number, 36), ord("-"), np.uint8)
    for hyphens, (start, stop) in enumerate(_GROUPS):
        shown[:, start:stop] = digits[:, start - hyphens : stop - hyphens]
    text = shown.tobytes().decode()
    return [text[start : start + 36] for start in range(0, 36 * number, 36)]
