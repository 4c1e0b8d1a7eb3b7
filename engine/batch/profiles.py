"""Profiles: what happens to a campaign that is tried for a customer. The engine tries it once for each that can differ."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np

from engine.batch.columns import Bools, Codes, ScoreColumn, first_rows, numbered
from engine.batch.facets import Customers, Fits, Interned, SideConditions, Situations
from engine.batch.lanes import Disagreement
from engine.batch.results import EngineDecision
from engine.decide.arbitrate.campaign import CampaignChannel, CompiledCampaign, Creative
from engine.decide.arbitrate.candidates import Candidate
from engine.decide.arbitrate.variants import fitting_creatives
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation
from engine.decide.pressure.registry import SHARED
from engine.decide.pressure.rule import OpensForGood, RuleResult
from engine.decide.select import TriedCandidate
from engine.model.decision import Reason
from engine.model.instant import Instant

_MOST_DENSE = 1 << 22
"""Keys up to which a table over all of them is kept, which takes no sorting."""


class Profile(NamedTuple):
    """What happens to a campaign that is tried first."""

    reason: Reason | None
    """Why it cannot go; None: it can."""
    campaign_channel: CampaignChannel | None = None
    """The channel on which it goes."""
    creatives: Sequence[Creative] = ()
    """Those that fit, from which one is drawn."""
    compiled_campaign: CompiledCampaign | None = None
    """The campaign, if it can go."""
    further: Sequence[CampaignChannel] = ()
    """The other channels on which it could go, in their order; only where they are wanted."""
    cost: float = 0.0
    """What its score is less by the prices of what is scarce."""
    obstacles: tuple[Reason, ...] = ()
    """On all its channels; of a campaign that goes on those before that on which it goes."""


class RulesRead(NamedTuple):
    """The rules that were evaluated when a campaign was tried, by name."""

    evaluated: frozenset[str] = frozenset()
    blocking: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    """Those that count over all customers together."""


class PairProfiles(NamedTuple):
    """What happens to pairs of customers and campaigns, as numbers."""

    profiles: Codes
    read: Codes
    """Of `Profiles.rules_read`."""


class _Tried(NamedTuple):
    """What happens to every campaign of a shape, with the same creatives for all, that is tried in a situation."""

    blocked: int | None
    """The profile, if it cannot go."""
    channel: str = ""
    obstacles: tuple[Reason, ...] = ()
    further: tuple[str, ...] = ()
    read: int = 0


class OpenPairs(NamedTuple):
    """Pairs of customers and the campaigns that are open to them."""

    rows: Codes
    campaigns: Codes
    passed: Codes
    """Of each, how many thresholds of what is scarce its score exceeds."""


EngineRow: TypeAlias = Callable[[int], EngineDecision]
"""The engine's decision on the customer of a row."""


class Profiles:
    """The profiles of a run, by number."""

    def __init__(
        self,
        compiled: CompiledBook,
        now: Instant,
        side: SideConditions,
        *,
        all_channels: bool = False,
        is_priced: bool = False,
    ) -> None:
        """all_channels: whether the further channels of campaigns that can go are wanted. is_priced: by prices in force."""
        self.profiles: list[Profile] = []
        self.rules_read = [RulesRead()]
        """The first is of pairs that were not tried."""
        self._number_of_read = {RulesRead(): 0}
        self._all_channels = all_channels
        self._compiled, self._now = compiled, now
        self._situations, self._interned = Situations(compiled, side), Interned()
        self._known: dict[tuple[int, int, int, int], tuple[int, int]] = {}
        self._shapes = [] if is_priced else list(map(_shape_of, compiled.compiled_campaigns))
        """By campaign, what the engine reads of it when it is tried; empty where scores or prices make a difference."""
        self._of_shapes: dict[Hashable, _Tried] = {}
        by_key: dict[Hashable, Fits] = {}
        own = [Fits(compiled_campaign, side) for compiled_campaign in compiled.compiled_campaigns]
        shared = [fits if fits.is_own else by_key.setdefault(fits.shared_by, fits) for fits in own]
        self._fits = list({id(fits): fits for fits in shared if not fits.is_plain}.values())
        number_of = {id(fits): number for number, fits in enumerate(self._fits)}
        self._fits_of = np.array([number_of.get(id(fits), len(self._fits)) for fits in shared], np.int64)

    def may_go(self, profiles: Codes) -> Bools:
        """Of each pair, whether its profile lets it go."""
        going = np.array([profile.reason is None for profile in self.profiles], np.bool_)
        return going[profiles] if len(going) else np.zeros(len(profiles), np.bool_)

    def costs(self, profiles: Codes) -> ScoreColumn:
        """Of each pair, what its score is less by the prices of what is scarce."""
        costs = np.array([profile.cost for profile in self.profiles], np.float64)
        return costs[profiles]

    def closed(self, reason: Reason) -> int:
        """The profile of a campaign that is not open to the customer."""
        return self._numbered(("closed", reason), Profile(reason))

    def read(self, customers: Customers, pairs: OpenPairs, by_engine: EngineRow) -> PairProfiles:
        """The profile of each pair of customer and campaign, and the rules that were read for it."""
        rows, campaigns, passed = pairs
        situations = self._situations.codes(customers)[rows]
        fits_of_pairs = self._fitting(customers, rows, campaigns)
        sizes = int(fits_of_pairs.max(initial=0)) + 1, len(self._situations), int(passed.max(initial=0)) + 1
        keys = campaigns
        for column, size in zip((fits_of_pairs, situations, passed), sizes, strict=True):
            keys = keys if size == 1 else keys * size + column
        size = len(self._compiled.compiled_campaigns) * sizes[0] * sizes[1] * sizes[2]
        distinct, first, codes = _distinct(keys, size)
        numbers = np.empty((len(distinct), 2), np.int64)
        for at, pair in enumerate(first.tolist()):
            campaign = int(campaigns[pair])
            key = campaign, int(fits_of_pairs[pair]), int(situations[pair]), int(passed[pair])
            if key not in self._known:
                self._known[key] = self._of_shape(key, int(rows[pair]), by_engine)
            numbers[at] = self._known[key]
        return PairProfiles(*numbers.T[:, codes])

    def _fitting(self, customers: Customers, rows: Codes, campaigns: Codes) -> Codes:
        """Of each pair, the number of the creatives that fit the customer; 0 where all fit all customers."""
        fitting = np.zeros(len(rows), np.int64)
        if self._fits:
            columns = np.array([fits.codes(customers) for fits in self._fits])
            numbers = self._fits_of[campaigns]
            members = np.flatnonzero(numbers < len(self._fits))
            fitting[members] = columns[numbers[members], rows[members]]
        return fitting

    def _of_shape(self, key: tuple[int, int, int, int], row: int, by_engine: EngineRow) -> tuple[int, int]:
        """Profile and rules read of a campaign, tried for the customer of the row unless another of its shape was."""
        campaign, _, situation, _ = key
        if not self._shapes or self._fits_of[campaign] != len(self._fits):
            return self._tried(by_engine(row), campaign)
        shape = self._shapes[campaign], situation
        known = self._of_shapes.get(shape)
        if known is None:
            number, read = self._tried(by_engine(row), campaign)
            profile = self.profiles[number]
            on, further = profile.campaign_channel, tuple(own.channel for own in profile.further)
            self._of_shapes[shape] = (
                _Tried(number, read=read)
                if on is None
                else _Tried(None, on.channel, profile.obstacles, further, read)
            )
            return number, read
        if known.blocked is not None:
            return known.blocked, known.read
        compiled_campaign = self._compiled.compiled_campaigns[campaign]
        channels = compiled_campaign.campaign_channels
        on = channels[known.channel]
        further_channels = tuple(channels[name] for name in known.further)
        profile = Profile(None, on, on.creatives, compiled_campaign, further_channels, 0.0, known.obstacles)
        return self._numbered(_key_of_going(profile, campaign), profile), known.read

    def _tried(self, by_engine: EngineDecision, campaign: int) -> tuple[int, int]:
        """Profile and rules read of a campaign that the engine tries alone for a customer."""
        evaluation, compiled_campaign = by_engine.evaluation, self._compiled.compiled_campaigns[campaign]
        candidates = [
            candidate
            for candidate in evaluation.candidates
            if candidate.compiled_campaign is compiled_campaign
        ]
        if not candidates:
            name = compiled_campaign.campaign.name
            raise Disagreement(evaluation.request.customer, f"{name} is eligible", "it is not")
        alone = evaluation._replace(candidates=[_open(candidates[0])])
        selection = by_engine.select(alone)
        tried = selection.tried[0]
        read = self._numbered_read(tried)
        obstacles = tuple(tried.obstacles)
        if not selection.chosen:
            cost = candidates[0].cost
            blocked = _key_of(tried, compiled_campaign), cost
            return self._numbered(blocked, Profile(tried.reason, cost=cost, obstacles=obstacles)), read
        campaign_channel = compiled_campaign.campaign_channels[
            selection.chosen[0].proposal.campaign_channel.channel
        ]
        creatives = fitting_creatives(
            campaign_channel.creatives, evaluation.request.attributes, evaluation.moment
        )
        further = self._further(by_engine, alone, campaign_channel) if self._all_channels else ()
        profile = Profile(
            *(None, campaign_channel, tuple(creatives), compiled_campaign, further),
            *(candidates[0].cost, obstacles),
        )
        return self._numbered(_key_of_going(profile, campaign), profile), read

    def _further(
        self, by_engine: EngineDecision, alone: Evaluation, first: CampaignChannel
    ) -> tuple[CampaignChannel, ...]:
        """The channels behind the first that also let the only candidate go."""
        (candidate,) = alone.candidates
        channels = candidate.channels[list(candidate.channels).index(first.channel) + 1 :]
        selections = (
            by_engine.select(alone._replace(candidates=[candidate._replace(channels=(channel,), turns=())]))
            for channel in channels
        )
        return tuple(own.proposal.campaign_channel for selection in selections for own in selection.chosen)

    def _numbered_read(self, tried: TriedCandidate) -> int:
        results = [result for of_channel in tried.read for result in of_channel.rule_results]
        read = RulesRead(
            frozenset(result.rule.name for result in results),
            frozenset(result.rule.name for result in results if result.blocks),
            frozenset(result.rule.name for result in results if result.rule.kind in SHARED),
        )
        number = self._number_of_read.setdefault(read, len(self.rules_read))
        if number == len(self.rules_read):
            self.rules_read.append(read)
        return number

    def _numbered(self, key: Hashable, profile: Profile) -> int:
        number = self._interned.number(key)
        if number == len(self.profiles):
            self.profiles.append(profile)
        return number


def _open(candidate: Candidate) -> Candidate:
    """The candidate as if everybody were in its samples: gates are hashes of the person, and read apart."""
    compiled_campaign = candidate.compiled_campaign
    if not compiled_campaign.gates:
        return candidate
    return candidate._replace(compiled_campaign=replace(compiled_campaign, gates=()))


def _key_of(tried: TriedCandidate, compiled_campaign: CompiledCampaign) -> Hashable:
    """What a blocked campaign adds to a decision: its obstacles, and the rules by which the next moments are found."""
    read = tuple(
        tuple(result for result in channel_result.rule_results if not _is_neutral(result))
        for channel_result in tried.read
    )
    return tried.reason, tuple(tried.obstacles), read, compiled_campaign.active if read else ()


def _key_of_going(profile: Profile, campaign: int) -> Hashable:
    """What tells the profile of a campaign that goes from others."""
    on = profile.campaign_channel
    variants = tuple(creative.variant for creative in profile.creatives)
    names = tuple(further.channel for further in profile.further)
    return "goes", campaign, on and on.channel, profile.obstacles, variants, names, profile.cost


def _shape_of(compiled_campaign: CompiledCampaign) -> Hashable:
    """All that the engine reads of a campaign when it is tried alone on its channels, but for its creatives."""
    channels = tuple(
        (
            on.channel,
            tuple(map(id, on.rules)),
            on.purposes,
            on.objections,
            tuple(map(id, on.trials.values())),
            on.held is None,
        )
        for on in compiled_campaign.campaign_channels.values()
    )
    return compiled_campaign.channels, compiled_campaign.outbound, channels, compiled_campaign.active


def _is_neutral(rule_result: RuleResult) -> bool:
    """Whether the rule moves no next moment: it lets pass now, and for good."""
    return isinstance(rule_result.rule, OpensForGood) and not rule_result.blocks


def _distinct(keys: Codes, size: int) -> tuple[Codes, Codes, Codes]:
    """The distinct keys, where each occurs, and the number of each key among them."""
    if size > _MOST_DENSE or size > 64 * len(keys):
        distinct, codes = numbered(keys)
        return distinct, first_rows(codes, len(distinct)), codes
    position = first_rows(keys, size)
    distinct = np.flatnonzero(position >= 0)
    first = position[distinct]
    position[distinct] = np.arange(len(distinct))
    return distinct, first, position[keys]
