"""Assignments that scenarios state: in which holdout, control, slot, trial or part of a ramp the customer is.

A stated assignment replaces the customer's position, the number that is otherwise the hash of salt and person. All that
follows from it (samples, reasons, shadows, probabilities) is computed as for a hashed one.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeAlias

from engine.decide.arbitrate.campaign import CampaignChannel, CompiledCampaign
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.samples import Sample, control_sample, holdout_sample, trial_sample
from engine.rulebook.model.experiments import Layer
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.text import percentages

Positions: TypeAlias = Mapping[tuple[str, str], float]
"""Stated positions, in [0, 1), by purpose (`holdout`, `control`, `layer`, `ramp`, `trial`) and name (as in Sample)."""


NO_POSITIONS: Positions = {}

_NO_SLOT = "none"
"""In a free part of the layer."""


def with_positions(compiled: CompiledBook, positions: Positions) -> CompiledBook:
    """The book in whose samples every person is at the stated positions."""
    if not positions:
        return compiled
    campaigns = (_campaign(campaign, positions) for campaign in compiled.compiled_campaigns)
    return replace(compiled, compiled_campaigns=tuple(campaigns))


def _campaign(campaign: CompiledCampaign, positions: Positions) -> CompiledCampaign:
    channels = {name: _channel(channel, positions) for name, channel in campaign.campaign_channels.items()}
    return replace(campaign, gates=_samples(campaign.gates, positions), campaign_channels=channels)


def _channel(channel: CampaignChannel, positions: Positions) -> CampaignChannel:
    trials = zip(channel.trials, _samples(channel.trials.values(), positions), strict=True)
    return replace(
        channel, by_place={}, withholding=_samples(channel.withholding, positions), trials=dict(trials)
    )


def _samples(samples: Collection[Sample], positions: Positions) -> tuple[Sample, ...]:
    return tuple(
        replace(sample, stated=positions.get((sample.purpose, sample.reason.name))) for sample in samples
    )


@dataclass(frozen=True, slots=True)
class AssignmentReader:
    """Reads `assigned` against one live book, and reports names and values that it does not have."""

    compiled: CompiledBook
    findings: Findings

    def read(self, data: Mapping[str, Any] | None, path: Path) -> Positions:
        """The stated positions.

        {campaign: treated | control, holdouts: {name: in | out}, layers: {name: slot}, ramps: {campaign: 4%},
        trials: {rule: in | out}};
        `holdouts: out` is of all holdouts.
        """
        readers: Mapping[str, Callable[[str, Any, Path], Positions]] = {
            "holdouts": self._holdout,
            "layers": self._layer,
            "ramps": self._ramp,
            "trials": self._trial,
        }
        holdouts = self.compiled.book.experiments.holdouts
        positions: dict[tuple[str, str], float] = {}
        for key, value in (data or {}).items():
            here = (*path, key)
            if key == "holdouts" and isinstance(value, str):
                for name in holdouts:
                    positions.update(self._holdout(name, value, here))
            elif key in readers and isinstance(value, dict):
                for name, assignment in value.items():
                    positions.update(readers[key](name, assignment, (*here, name)))
            elif key in readers and key not in self.compiled.book.campaigns:
                self.findings.error(here, Code.TYPE, f"`{key}` must be a mapping", "of names to assignments")
            else:
                positions.update(self._control(key, value, here, readers))
        return positions

    def _control(self, name: str, value: Any, path: Path, sections: Collection[str]) -> Positions:
        campaigns = self.compiled.book.campaigns
        if not self._known(name, "campaign", campaigns, path, (*campaigns, *sections)):
            return NO_POSITIONS
        if not self._chosen(value, ("treated", "control"), path):
            return NO_POSITIONS
        sample = control_sample(campaigns[name])
        if sample is not None:
            return {("control", name): _position(sample, inside=value == "control")}
        if value == "control":
            self.findings.error(path, Code.NO_EFFECT, f"the campaign {quote(name)} has no control")
        return NO_POSITIONS

    def _holdout(self, name: str, value: Any, path: Path) -> Positions:
        holdouts = self.compiled.book.experiments.holdouts
        if not self._known(name, "holdout", holdouts, path) or not self._chosen(value, ("in", "out"), path):
            return NO_POSITIONS
        return {("holdout", name): _position(holdout_sample(holdouts[name]), inside=value == "in")}

    def _layer(self, name: str, value: Any, path: Path) -> Positions:
        layers = self.compiled.book.experiments.layers
        if not self._known(name, "layer", layers, path):
            return NO_POSITIONS
        layer = layers[name]
        stretches = {slot.name: (slot.low, slot.high) for slot in layer.slots.values()}
        if free := _free(layer):
            stretches.setdefault(_NO_SLOT, free[0])
        if not self._chosen(value, stretches, path):
            return NO_POSITIONS
        low, high = stretches[value]
        return {("layer", name): (low + high) / 2}

    def _ramp(self, name: str, value: Any, path: Path) -> Positions:
        campaigns = self.compiled.book.campaigns
        ramped = [campaign.name for campaign in campaigns.values() if campaign.ramp is not None]
        if not self._known(name, "campaign with a ramp", ramped, path):
            return NO_POSITIONS
        if not isinstance(value, str):
            self.findings.error(path, Code.TYPE, "a place in a ramp is a percentage", "for example 4%")
            return NO_POSITIONS
        position = self.findings.parse(path, value, percentages.parse)
        return NO_POSITIONS if position is None else {("ramp", name): position}

    def _trial(self, name: str, value: Any, path: Path) -> Positions:
        trials = self.compiled.book.experiments.trials
        if not self._known(name, "rule with a trial", trials, path) or not self._chosen(
            value, ("in", "out"), path
        ):
            return NO_POSITIONS
        return {("trial", name): _position(trial_sample(name, trials[name]), inside=value == "in")}

    def _known(
        self, name: str, noun: str, names: Collection[str], path: Path, likely: Collection[str] = ()
    ) -> bool:
        if name in names:
            return True
        hint = self.findings.suggest(name, likely or names) or _listed(names)
        self.findings.key_error(path, Code.UNKNOWN, f"the book has no {noun} {quote(name)}", hint)
        return False

    def _chosen(self, value: Any, choices: Collection[str], path: Path) -> bool:
        if value in choices:
            return True
        hint = self.findings.suggest(value, choices) if isinstance(value, str) else ""
        shown = quote(value) if isinstance(value, str) else "this"
        message = f"the assignment cannot be {shown}"
        self.findings.error(path, Code.VALUE, message, hint or f"one of: {', '.join(choices)}")
        return False


def _position(sample: Sample, *, inside: bool) -> float:
    """The middle of the sample, or of what is above it."""
    return (sample.low + sample.high) / 2 if inside else (sample.high + 1.0) / 2


def _free(layer: Layer) -> list[tuple[float, float]]:
    """The stretches of the layer that no slot has."""
    slots = sorted((slot.low, slot.high) for slot in layer.slots.values())
    bounds = [(0.0, 0.0), *slots, (1.0, 1.0)]
    return [(before[1], after[0]) for before, after in pairwise(bounds) if before[1] < after[0]]


def _listed(names: Collection[str]) -> str:
    return f"there are: {', '.join(sorted(names))}" if names else "there are none"
