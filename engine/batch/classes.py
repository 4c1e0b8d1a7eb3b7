"""Classes of customers: what is ahead of their best campaign as numbers, and the form in which they get it."""

from collections.abc import Sequence

import numpy as np

from engine.batch.columns import Codes, first_rows, numbered
from engine.batch.draws import CustomerHashes, SampleLists, VariantDraws, drawn_with
from engine.batch.profiles import Profile
from engine.batch.results import ChosenForm
from engine.decide.compiled import CompiledBook
from engine.model.instant import Instant

_LARGEST = 1 << 62


def combined(columns: Sequence[Codes]) -> tuple[Codes, Codes]:
    """The combinations of columns of numbers from 0 on: the first row of each, and by row the number of its combination."""
    keys, size = np.zeros(len(columns[0]), np.int64), 1
    for column in columns:
        values = int(column.max(initial=0)) + 1
        if size * values > _LARGEST:
            distinct, keys = numbered(keys)
            size = len(distinct)
        keys, size = keys * values + column, size * values
    distinct, codes = numbered(keys)
    return first_rows(codes, len(distinct)), codes


class Sequences:
    """Numbers for sequences of profiles without repetitions, the same ones in every chunk; 0 is the empty one."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, int], int] = {}
        self._paths: list[tuple[int, ...]] = [()]

    def path(self, number: int) -> tuple[int, ...]:
        """The profiles of a sequence."""
        return self._paths[number]

    def codes(self, rows: Codes, profiles: Codes, size: int) -> Codes:
        """By customer, the number of the sequence of their profiles; rows: ascending, each with its profiles in order."""
        codes = np.zeros(size, np.int64)
        if not len(rows):
            return codes
        width = int(profiles.max()) + 1
        distinct, repeated = numbered(rows * width + profiles)
        kept = first_rows(repeated, len(distinct))
        rows, profiles = rows[kept], profiles[kept]
        counts = np.bincount(rows, minlength=size)
        depths = np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
        for depth in range(int(depths.max()) + 1):
            members = np.flatnonzero(depths == depth)
            keys = codes[rows[members]] * width + profiles[members]
            distinct, at = numbered(keys)
            numbers = [self._child(*divmod(key, width)) for key in distinct.tolist()]
            codes[rows[members]] = np.array(numbers, np.int64)[at]
        return codes

    def _child(self, parent: int, profile: int) -> int:
        number = self._numbers.setdefault((parent, profile), len(self._paths))
        if number == len(self._paths):
            self._paths.append((*self._paths[parent], profile))
        return number


class ChosenForms:
    """In which form a campaign goes to customers, by its profile: from whom it is withheld, and what they draw."""

    def __init__(self, compiled: CompiledBook, now: Instant) -> None:
        self._now = now
        self._samples, self._variants = SampleLists(now), VariantDraws(compiled.book.salt)
        self._numbers: dict[int, int] = {}
        """By profile, the number of its samples, which is that of its creatives."""

    def of(
        self, draws: CustomerHashes, rows: Codes, numbers: Codes, profiles: Sequence[Profile]
    ) -> tuple[Codes, Codes]:
        """By row, the place of the sample by which it is withheld, or -1; and of the creative that is drawn."""
        distinct, codes = numbered(numbers)
        of_distinct = [self._number(number, profiles[number]) for number in distinct.tolist()]
        lists = np.array(of_distinct, np.int64)[codes]
        withheld = self._samples.first(draws, rows, lists, having=True)
        return withheld, self._variants.drawn(draws, rows, lists)

    def form(self, profile: Profile, withheld: int, drawn: int, score: float) -> tuple[ChosenForm, float]:
        """What customers get of the campaign, and the probability of their decision."""
        on, compiled_campaign = profile.campaign_channel, profile.compiled_campaign
        if on is None or compiled_campaign is None:
            raise LookupError("the campaign does not go")
        reason = on.withholding[withheld].reason if withheld >= 0 else None
        creative = profile.creatives[drawn]
        expires_at = None if on.held is None or reason is not None else self._now + on.held
        name = compiled_campaign.campaign.name
        probability = drawn_with(profile.creatives, drawn)
        form = ChosenForm(name, on.channel, creative.variant, score, reason, expires_at, probability)
        return form, 1.0 - on.treated if reason is not None else probability * on.treated

    def _number(self, number: int, profile: Profile) -> int:
        known = self._numbers.get(number)
        if known is None:
            on, compiled_campaign = profile.campaign_channel, profile.compiled_campaign
            if on is None or compiled_campaign is None:
                raise LookupError("the campaign does not go")
            known = self._numbers[number] = self._samples.add(on.withholding)
            self._variants.add(compiled_campaign, profile.creatives)
        return known
