"""Shares out what is scarce among everybody of a population: keeps their candidates on disk, and says who gets what."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import numpy as np

from engine.batch.columns import Codes
from engine.batch.demand import NO_COUNTER, NOTHING_TAKEN, PairChunk
from engine.batch.going import GoingPair
from engine.batch.scarce import CounterPlan, ScarcePlan, ScarceWay, plan
from engine.decide.arbitrate.prices import tie_of, tier_of
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.bucketing import identity
from engine.decide.pressure.counters import QuotaKey
from engine.decide.pressure.quotas import QuotaRule
from engine.ledger.queries import quotas
from engine.ledger.store.store import Store
from engine.model.instant import Instant


def counted_in(store: Store, compiled: CompiledBook, now: Instant, at: Instant) -> dict[QuotaKey, int]:
    """What servers and sends have counted in the periods of `now`, holds that end before `at` left out."""
    keys = [rule.key(now) for rule in compiled.pressure.counters.values()]
    with store.transaction(writes=False):
        return {QuotaKey(*key): number for key, number in quotas.peek_all(store, keys, at).items()}


def left_of(rules: Mapping[str, QuotaRule], counted: Mapping[QuotaKey, int], now: Instant) -> dict[str, int]:
    """What is left of each counter in the period of the moment."""
    return {name: max(0, rule.limit - counted.get(rule.key(now), 0)) for name, rule in rules.items()}


class PairSpool:
    """The pairs that may go, in files of a folder that is deleted at the end; read again and again, a chunk at a time."""

    def __init__(
        self, compiled: CompiledBook, now: Instant, name: str = "all", folder: Path | None = None
    ) -> None:
        """name: of this one among those that write to the same folder. folder: of another spool; None: one of its own."""
        self._now, self._name = now, name
        self._salt = compiled.book.salt
        self._rules = compiled.pressure.counters
        self._numbers = {counter: number for number, counter in enumerate(self._rules)}
        forms = (
            (own.campaign.name, channel, is_withheld)
            for own in compiled.compiled_campaigns
            for channel in own.campaign_channels
            for is_withheld in (False, True)
        )
        self._forms = {form: number for number, form in enumerate(forms)}
        """Campaign, channel and whether it is withheld, numbered."""
        self._own = TemporaryDirectory(prefix="tact-") if folder is None else None
        self.folder = Path(self._own.name) if self._own is not None else Path(folder or "")
        self.files: list[str] = []
        """The names of the chunks in the folder; those of other spools of the book may be added."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own is not None:
            self._own.cleanup()

    def __iter__(self) -> Iterator[PairChunk]:
        for file in self.files:
            with np.load(self.folder / file) as columns:
                yield PairChunk(*(columns[name] for name in PairChunk._fields))

    def add(self, customers: Sequence[str], pairs: Sequence[GoingPair]) -> None:
        """Keeps the pairs of customers who are decided together, in the customers' own order.

        Pairs behind one that takes of no counter are left out: the customer gets that one before.
        """
        prefixes = [identity(self._salt, customer) for customer in customers]
        keyed = sorted(
            (
                pair.row,
                -pair.compiled_campaign.campaign.tier,
                -pair.rank,
                -tie_of(prefixes[pair.row], pair.compiled_campaign),
                pair.compiled_campaign.campaign.name,
                number,
            )
            for number, pair in enumerate(pairs)
        )
        free = -1
        kept = []
        for entry in keyed:
            if entry[0] != free:
                kept.append(entry)
                free = entry[0] if not pairs[entry[-1]].campaign_channel.quotas else free
        ordered = [pairs[entry[-1]] for entry in kept]
        rows = np.array([pair.row for pair in ordered], np.int64)
        counters, amounts = self._taken(ordered)
        chunk = PairChunk(
            np.searchsorted(rows, np.arange(len(customers) + 1)).astype(np.int64),
            np.array([tier_of(pair.compiled_campaign) for pair in ordered], np.int64),
            np.array([pair.score for pair in ordered], np.float64),
            np.array([-entry[3] for entry in kept], np.uint64),
            counters,
            amounts,
        )
        forms = np.array([self._form(pair) for pair in ordered], np.int64)
        file = f"{self._name}-{len(self.files)}.npz"
        np.savez(self.folder / file, forms=forms, **chunk._asdict())
        self.files.append(file)

    def share_out(self, way: ScarceWay, left: Mapping[str, int]) -> dict[str, Any]:
        """Shares out what is left of all counters, as JSON."""
        made = plan(self, [left[name] for name in self._rules], way)
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
            with np.load(self.folder / self.files[number]) as columns:
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
        """What each pair takes: counters and amounts, which are 0 of what is withheld; that is refused as others are."""
        rules = [pair.campaign_channel.quotas for pair in pairs]
        width = max(map(len, rules), default=0) or 1
        counters = np.full((len(pairs), width), NO_COUNTER, np.int64)
        amounts = np.zeros((len(pairs), width), np.int64)
        for row, own in enumerate(rules):
            for column, rule in enumerate(own):
                counters[row, column] = self._numbers[rule.counter]
                amounts[row, column] = 0 if pairs[row].is_withheld else rule.amount
        return counters, amounts

    def _form(self, pair: GoingPair) -> int:
        key = pair.compiled_campaign.campaign.name, pair.campaign_channel.channel, pair.is_withheld
        return self._forms[key]


def _counter_document(rule: QuotaRule, counter: CounterPlan, now: Instant) -> dict[str, Any]:
    cut = counter.cut_off
    return {
        "counter": rule.counter,
        "unit": rule.unit,
        "limit": rule.limit,
        "left": counter.limit,
        "demand": counter.demand,
        "taken": counter.taken,
        "cut_off": None if cut is None else {"tier": cut.tier, "score": cut.score, "tie": cut.tie},
        "price": counter.price * rule.unit,
        "price_tier": counter.price_tier,
        "until": rule.ends(now),
    }
