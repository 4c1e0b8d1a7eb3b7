"""Shares out what is scarce among everybody in a preview: keeps their candidates on disk, and says who gets what."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import numpy as np

from engine.batch.columns import Codes
from engine.batch.demand import NO_COUNTER, NOTHING_TAKEN, PairChunk
from engine.batch.going import GoingPair
from engine.batch.scarce import CounterPlan, ScarcePlan, ScarceWay, plan
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.bucketing import identity, stable_hash
from engine.decide.pressure.quotas import QuotaRule
from engine.model.instant import Instant

_LARGEST = (1 << 64) - 1


class PairSpool:
    """The pairs that may go, in files of a folder that is deleted at the end; read again and again, a chunk at a time."""

    def __init__(self, compiled: CompiledBook, now: Instant) -> None:
        self._now = now
        self._salt = compiled.book.salt
        self._rules: dict[str, QuotaRule] = {rule.counter: rule for rule in compiled.pressure.shared}
        self._numbers = {counter: number for number, counter in enumerate(self._rules)}
        self._forms: dict[tuple[str, str, bool], int] = {}
        """Campaign, channel and whether it is withheld, numbered."""
        self._folder = TemporaryDirectory(prefix="tact-")
        self._chunks = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def __iter__(self) -> Iterator[PairChunk]:
        for number in range(self._chunks):
            with np.load(self._path(number)) as columns:
                yield PairChunk(*(columns[name] for name in PairChunk._fields))

    def add(self, customers: Sequence[str], pairs: Sequence[GoingPair]) -> None:
        """Keeps the pairs of customers who are decided together."""
        prefixes = [identity(self._salt, customer) for customer in customers]
        keyed = sorted(
            (
                pair.row,
                -pair.compiled_campaign.campaign.tier,
                -pair.score,
                stable_hash(prefixes[pair.row] + pair.compiled_campaign.identity),
                pair.compiled_campaign.campaign.name,
                number,
            )
            for number, pair in enumerate(pairs)
        )
        ordered = [pairs[entry[-1]] for entry in keyed]
        rows = np.array([pair.row for pair in ordered], np.int64)
        counters, amounts = self._taken(ordered)
        chunk = PairChunk(
            np.searchsorted(rows, np.arange(len(customers) + 1)).astype(np.int64),
            np.array([pair.compiled_campaign.campaign.tier for pair in ordered], np.int64),
            np.array([pair.score for pair in ordered], np.float64),
            np.array([_LARGEST - entry[3] for entry in keyed], np.uint64),
            counters,
            amounts,
        )
        forms = np.array([self._form(pair) for pair in ordered], np.int64)
        np.savez(self._path(self._chunks), forms=forms, **chunk._asdict())
        self._chunks += 1

    def share_out(self, way: ScarceWay) -> dict[str, Any]:
        """Shares out all counters from their limits, as JSON."""
        made = plan(self, [rule.limit for rule in self._rules.values()], way)
        offers, withheld, moved, without = self._funnel(made)
        return {
            "way": way.value,
            "value": made.value,
            "bound": made.bound,
            "share": made.share,
            "rounds": made.rounds,
            "offers": sum(offers.values()),
            "moved": moved,
            "without": without,
            "counters": [
                _counter_document(rule, counter, self._now)
                for rule, counter in zip(self._rules.values(), made.counters, strict=True)
            ],
            "campaigns": [
                {"campaign": campaign, "channel": channel, "offers": number}
                for (campaign, channel), number in sorted(offers.items())
            ],
            "withheld": withheld,
        }

    def _funnel(self, made: ScarcePlan) -> tuple[Counter[tuple[str, str]], int, int, int]:
        """Offers by campaign and channel; how many were withheld, got another than their first, or nothing."""
        forms = list(self._forms)
        numbers, moved, without = np.zeros(len(forms), np.int64), 0, 0
        for number, taken in enumerate(made.taken):
            with np.load(self._path(number)) as columns:
                starts, own = columns["starts"], columns["forms"]
            has = taken != NOTHING_TAKEN
            numbers += np.bincount(own[taken[has]], minlength=len(forms))
            moved += int((taken[has] != starts[:-1][has]).sum())
            without += int((~has & (np.diff(starts) > 0)).sum())
        offers: Counter[tuple[str, str]] = Counter()
        withheld = 0
        for (campaign, channel, is_withheld), count in zip(forms, numbers.tolist(), strict=True):
            if is_withheld:
                withheld += count
            else:
                offers[campaign, channel] += count
        return offers, withheld, moved, without

    def _taken(self, pairs: Sequence[GoingPair]) -> tuple[Codes, Codes]:
        """What each pair takes: counters and amounts."""
        rules = [() if pair.is_withheld else pair.campaign_channel.quotas for pair in pairs]
        width = max(map(len, rules), default=0) or 1
        counters = np.full((len(pairs), width), NO_COUNTER, np.int64)
        amounts = np.zeros((len(pairs), width), np.int64)
        for row, own in enumerate(rules):
            for column, rule in enumerate(own):
                if rule.counter not in self._numbers:
                    self._numbers[rule.counter] = len(self._rules)
                    self._rules[rule.counter] = rule
                counters[row, column] = self._numbers[rule.counter]
                amounts[row, column] = rule.amount
        return counters, amounts

    def _form(self, pair: GoingPair) -> int:
        key = pair.compiled_campaign.campaign.name, pair.campaign_channel.channel, pair.is_withheld
        return self._forms.setdefault(key, len(self._forms))

    def _path(self, number: int) -> Path:
        return Path(self._folder.name) / f"{number}.npz"


def _counter_document(rule: QuotaRule, counter: CounterPlan, now: Instant) -> dict[str, Any]:
    cut = counter.cut_off
    return {
        "counter": rule.counter,
        "unit": rule.unit,
        "limit": counter.limit,
        "demand": counter.demand,
        "taken": counter.taken,
        "cut_off": None if cut is None else {"tier": cut.tier, "score": cut.score},
        "price": counter.price * rule.unit,
        "price_tier": counter.price_tier,
        "until": rule.ends(now),
    }
