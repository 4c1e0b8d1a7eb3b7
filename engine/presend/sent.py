"""What was decided for customers of a run, as its files hold it: what many have alike is there once."""

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

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
    is_evaluated: bool = False
    """Whether the customer was evaluated one by one."""


NOT_LINKED = SentKind(REFUSED)
"""Of customers whose names could not be linked: nothing was decided."""


@dataclass(slots=True)
class SentRows:
    """The decisions for customers, in order."""

    customers: list[str]
    kinds: list[SentKind]
    decision_ids: list[str | None]
    """None where nothing is kept in the log: nothing was to be sent."""
    scores: ScoreColumn
    """NaN where nothing was chosen."""
    contents: dict[int, Mapping[str, str]]
    """By place, the texts of who gets some, where texts are wanted."""

    @classmethod
    def alike(cls, customers: Sequence[str], kind: SentKind) -> "SentRows":
        """Customers of whom nothing else is known yet."""
        number = len(customers)
        return cls(list(customers), [kind] * number, [None] * number, np.full(number, np.nan), {})

    def __len__(self) -> int:
        return len(self.customers)

    @classmethod
    def joined(cls, parts: Sequence["SentRows"]) -> "SentRows":
        """The customers of all parts, of which there is at least one."""
        if len(parts) == 1:
            return parts[0]
        contents: dict[int, Mapping[str, str]] = {}
        start = 0
        for part in parts:
            contents |= {start + at: own for at, own in part.contents.items()}
            start += len(part)
        return cls(
            [customer for part in parts for customer in part.customers],
            [kind for part in parts for kind in part.kinds],
            [decision_id for part in parts for decision_id in part.decision_ids],
            np.concatenate([part.scores for part in parts]),
            contents,
        )

    def part(self, start: int, stop: int) -> "SentRows":
        """Some of the customers."""
        if (start, stop) == (0, len(self)):
            return self
        own = slice(start, stop)
        contents = {at - start: own for at, own in self.contents.items() if start <= at < stop}
        return SentRows(
            self.customers[own], self.kinds[own], self.decision_ids[own], self.scores[own], contents
        )

    def coded(self) -> tuple[list[SentKind], Codes]:
        """The kinds that occur, and by customer the place of theirs among them."""
        distinct = {id(kind): kind for kind in self.kinds}
        numbers = {key: number for number, key in enumerate(distinct)}
        codes = np.fromiter(map(numbers.__getitem__, map(id, self.kinds)), np.int64, len(self.kinds))
        return list(distinct.values()), codes

    @staticmethod
    def counts(kinds: Sequence[SentKind], codes: Codes) -> dict[str, Any]:
        """What customers add to the summary: how many by outcome and by lane, and offers by campaign, variant and channel.

        kinds, codes: as `coded` gives them.
        """
        outcomes: Counter[str] = Counter()
        forms: Counter[tuple[str, str, str, str]] = Counter()
        evaluated = 0
        for kind, number in zip(kinds, np.bincount(codes, minlength=len(kinds)).tolist(), strict=True):
            outcomes[kind.outcome] += number
            evaluated += number if kind.is_evaluated else 0
            if kind.campaign is not None:
                forms[kind.outcome, kind.campaign, kind.variant or "", kind.channel or ""] += number
        return {
            "outcomes": outcomes,
            "evaluated": evaluated,
            "forms": [[*form, number] for form, number in sorted(forms.items())],
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
        is_evaluated=True,
    )


_DIGITS = np.frombuffer(b"".join(f"{octet:02x}".encode() for octet in range(256)), np.uint8).reshape(256, 2)
_SHOWN = [at for at in range(36) if at not in (8, 13, 18, 23)]
"""Where the digits stand in the text of a UUID."""


def new_decision_ids(number: int) -> list[str]:
    """So many UUIDs of version 7 (RFC 9562) of the present millisecond, ascending."""
    octets = np.frombuffer(os.urandom(16 * number), np.uint8).reshape(number, 16).copy()
    octets[:, :6] = np.frombuffer((time.time_ns() // 1_000_000).to_bytes(6, "big"), np.uint8)
    octets[:, 6] = octets[:, 6] & 0x0F | 0x70
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    words = octets.view(">u8")
    octets = octets[np.lexsort((words[:, 1], words[:, 0]))]
    shown = np.full((number, 36), ord("-"), np.uint8)
    shown[:, _SHOWN] = _DIGITS[octets].reshape(number, 32)
    text = shown.tobytes().decode()
    return [text[start : start + 36] for start in range(0, 36 * number, 36)]
