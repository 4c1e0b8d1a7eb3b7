"""Hashes of the customers of a chunk: positions in samples, drawn variants and ties, equal to the engine's bit by bit.

The keys are those of engine.decide.experiments.bucketing. The name of a customer is encoded once, and a hash of what all
keys begin with is copied instead of being computed again.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from engine.batch.columns import Chunk, Codes
from engine.decide.arbitrate.campaign import CompiledCampaign, Creative
from engine.decide.arbitrate.variants import draw
from engine.decide.experiments.bucketing import identity
from engine.decide.experiments.samples import NO_CONVERSIONS, Sample
from engine.decide.experiments.subjects import DrawSubject, unit_id, units_of
from engine.model.instant import Instant
from engine.model.values import is_blank

Hashes: TypeAlias = npt.NDArray[np.uint64]

Fractions: TypeAlias = npt.NDArray[np.float64]

_RANGE = float(1 << 53)
_NEAR = 1e-9
"""Relative difference below which two weights are compared by the engine, since logarithms of numpy may differ in the last
place."""


class CustomerHashes:
    """The hashes of a chunk's customers, drawn by themselves or by their units."""

    def __init__(self, names: Sequence[str], chunk: Chunk, units: Iterable[str]) -> None:
        self.names = names
        self._chunk, self._units = chunk, tuple(units)
        encoded = list(map(str.encode, names))
        lengths = {size: size.to_bytes(4, "big") for size in set(map(len, encoded))}
        self._encoded = {"": [lengths[len(own)] + own for own in encoded]}

    def subject(self, row: int) -> DrawSubject:
        """Whom the engine draws for a customer."""
        columns = {unit: self._chunk.column(unit) for unit in self._units}
        values = {unit: column.values[column.codes[row]] for unit, column in columns.items()}
        return DrawSubject(self.names[row], units_of(self._units, values))

    def _subjects(self, unit: str) -> Sequence[bytes]:
        """By customer, the part of the key that stands for their unit of this attribute, or for themself if they have none."""
        known = self._encoded.get(unit)
        if known is None:
            column = self._chunk.column(unit)
            of_value = [
                b"" if is_blank(value) else identity(unit, unit_id(unit, value)) for value in column.values
            ]
            persons = self._encoded[""]
            known = [
                of_value[code] or person for code, person in zip(column.codes.tolist(), persons, strict=True)
            ]
            self._encoded[unit] = known
        return known

    def hashes(self, prefix: bytes, rows: Codes, suffixes: Sequence[bytes], unit: str = "") -> Hashes:
        """`stable_hash(prefix + identity(name) + suffix)` for each row and suffix; unit: the attribute that is drawn by."""
        copied, digests = blake2b(prefix, digest_size=8).copy, []
        subjects = self._subjects(unit)
        for row, suffix in zip(rows.tolist(), suffixes, strict=True):
            hashed = copied()
            hashed.update(subjects[row] + suffix)
            digests.append(hashed.digest())
        return np.frombuffer(b"".join(digests), np.dtype(">u8")).astype(np.uint64)

    def fractions(self, prefix: bytes, rows: Codes, suffixes: Sequence[bytes], unit: str = "") -> Fractions:
        """`stable_fraction` of the same keys."""
        upper = self.hashes(prefix, rows, suffixes, unit) >> np.uint64(11)
        fractions: Fractions = (upper.astype(np.float64) + 0.5) / _RANGE
        return fractions


class SampleLists:
    """Lists of samples by number, and for many customers at once the first sample of their list that has them, or has not."""

    def __init__(self, now: Instant) -> None:
        self._now = now
        self._lists: list[tuple[int, ...]] = []
        self._samples: dict[Sample, int] = {}
        self._hashed: list[tuple[tuple[bytes, str], bytes]] = []
        """By sample, what its keys begin with and the unit that is drawn by; and what they end with."""
        self._bounds: list[tuple[float, float, float]] = []
        """By sample, its bounds and the stated position; NaN: there is none."""

    def add(self, samples: Sequence[Sample]) -> int:
        """The number of a list."""
        self._lists.append(tuple(map(self._number, samples)))
        return len(self._lists) - 1

    def _number(self, sample: Sample) -> int:
        number = self._samples.setdefault(sample, len(self._samples))
        if number == len(self._bounds):
            stated = np.nan if sample.stated is None else sample.stated
            self._bounds.append((sample.low, sample.top(self._now, NO_CONVERSIONS), stated))
            prefix = identity(sample.salts.at(self._now), sample.purpose)
            self._hashed.append(((prefix, sample.unit), sample.identity))
        return number

    def first(self, draws: CustomerHashes, rows: Codes, lists: Codes, *, having: bool) -> Codes:
        """By row, the place in its list of the first sample that has the customer, or has them not; -1: there is none."""
        first = np.full(len(rows), -1, np.int64)
        if not len(rows):
            return first
        sizes = np.array([len(own) for own in self._lists], np.int64)[lists]
        bounds = np.array(self._bounds, np.float64).reshape(-1, 3)
        for depth in range(int(sizes.max())):
            left = np.flatnonzero((first < 0) & (sizes > depth))
            at_depth = np.array([own[depth] if len(own) > depth else -1 for own in self._lists], np.int64)
            numbers = at_depth[lists[left]]
            low, high, stated = bounds[numbers].T
            positions = self._positions(draws, numbers, rows[left], stated)
            inside = (low <= positions) & (positions < high)
            first[left[inside == having]] = depth
        return first

    def _positions(self, draws: CustomerHashes, numbers: Codes, rows: Codes, stated: Fractions) -> Fractions:
        """The customers' positions in the samples of these numbers; each is hashed once."""
        positions, size = stated.copy(), len(self._hashed)
        hashed = np.flatnonzero(np.isnan(stated))
        prefixes = {prefix: at for at, prefix in enumerate(dict.fromkeys(own[0] for own in self._hashed))}
        prefix_of = np.array([prefixes[own[0]] for own in self._hashed], np.int64)[numbers[hashed]]
        for (prefix, unit), at in prefixes.items():
            members = hashed[prefix_of == at]
            distinct, codes = np.unique(rows[members] * size + numbers[members], return_inverse=True)
            suffixes = [self._hashed[number][1] for number in (distinct % size).tolist()]
            positions[members] = draws.fractions(prefix, distinct // size, suffixes, unit)[codes]
        return positions


class Drawable(NamedTuple):
    """The creatives of a campaign among which customers draw."""

    campaign: CompiledCampaign
    creatives: Sequence[Creative]


class VariantDraws:
    """CustomerHashes of creatives, by the number of what is drawn from."""

    def __init__(self, salt: str) -> None:
        self._salt, self._prefix = salt, identity(salt, "variant")
        self._drawable: list[Drawable] = []
        self._suffixes: list[list[bytes]] = []
        self._units: list[str] = []
        self._shares: list[float] = []
        self._starts: list[int] = []
        self._sizes: list[int] = []

    def add(self, campaign: CompiledCampaign, creatives: Sequence[Creative]) -> int:
        """The number of these creatives."""
        self._drawable.append(Drawable(campaign, creatives))
        self._starts.append(len(self._shares))
        self._units.append(campaign.campaign.unit)
        self._sizes.append(len(creatives))
        self._shares += [creative.share for creative in creatives]
        self._suffixes.append([campaign.identity + creative.identity for creative in creatives])
        return len(self._drawable) - 1

    def drawn(self, draws: CustomerHashes, rows: Codes, numbers: Codes) -> Codes:
        """By row, which of the creatives the customer draws: `variants.draw` for each."""
        drawn = np.zeros(len(rows), np.int64)
        sizes = np.array(self._sizes, np.int64)[numbers] if len(numbers) else drawn
        several = np.flatnonzero(sizes > 1)
        if not len(several):
            return drawn
        sizes, numbers = sizes[several], numbers[several]
        starts = np.cumsum(sizes) - sizes
        fractions = self._fractions(draws, rows[several], numbers, sizes)
        inside = np.arange(len(fractions)) - np.repeat(starts, sizes)
        shares = np.array(self._shares)[np.repeat(np.array(self._starts)[numbers], sizes) + inside]
        weights = shares / -np.log(fractions)
        highest = np.repeat(np.maximum.reduceat(weights, starts), sizes)
        near = np.add.reduceat(weights >= highest * (1 - _NEAR), starts)
        drawn[several] = np.minimum.reduceat(np.where(weights == highest, inside, len(fractions)), starts)
        for at in np.flatnonzero(near > 1).tolist():
            drawn[several[at]] = self._by_engine(draws.subject(int(rows[several[at]])), int(numbers[at]))
        return drawn

    def _fractions(self, draws: CustomerHashes, rows: Codes, numbers: Codes, sizes: Codes) -> Fractions:
        """The fractions of each row's creatives, one row after the other."""
        suffixes = [suffix for number in numbers.tolist() for suffix in self._suffixes[number]]
        repeated = np.repeat(rows, sizes)
        if not any(self._units):
            return draws.fractions(self._prefix, repeated, suffixes)
        units = np.repeat(np.array([self._units[number] for number in numbers.tolist()]), sizes)
        fractions = np.empty(len(suffixes), np.float64)
        for unit in dict.fromkeys(units.tolist()):
            members = np.flatnonzero(units == unit)
            ends = [suffixes[at] for at in members.tolist()]
            fractions[members] = draws.fractions(self._prefix, repeated[members], ends, unit)
        return fractions

    def _by_engine(self, subject: DrawSubject, number: int) -> int:
        campaign, creatives = self._drawable[number]
        creative = draw(creatives, self._salt, subject, campaign).creative
        return next(at for at, own in enumerate(creatives) if own is creative)


def drawn_with(creatives: Sequence[Creative], at: int) -> float:
    """The probability with which the creative is drawn."""
    if len(creatives) == 1:
        return 1.0
    total = 0.0
    for creative in creatives:
        total += creative.share
    return creatives[at].share / total
