"""The staged roll-out of a version of the book: by the person alone it is settled which of two versions decides."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from engine.decide.experiments.bucketing import identity, stable_fraction

STAGE = "stage"
"""The purpose under which a roll-out stands among the experiments of a decision."""


class Rollout(NamedTuple):
    """A share of all persons for whom the staged version decides."""

    version: str
    """The staged version."""
    salt: str
    share: float
    """Above 0 and below 1. A larger share of the same salt has all persons of the smaller one."""

    def takes(self, person: str) -> bool:
        """Whether the staged version decides for the person."""
        return stable_fraction(identity("release", self.salt, person)) < self.share


class RolloutArm(NamedTuple):
    """The side of a roll-out on which a version of the book is."""

    rollout: Rollout
    staged: bool

    @classmethod
    def logged(cls, experiments: Sequence[Sequence[Any]]) -> Self | None:
        """The side on which a decision was, by the experiments of its trace; None: no version was staged."""
        for _, purpose, version, salt, _, share, staged, *_ in experiments:
            if purpose == STAGE:
                return cls(Rollout(version, salt, share), staged)
        return None

    @property
    def experiment(self) -> list[str | float | bool]:
        """As an experiment of a trace: campaign (none), purpose, name, salt, bounds, whether the person is within."""
        version, salt, share = self.rollout
        return ["", STAGE, version, salt, 0.0, share, self.staged]

    def decides_for(self, person: str) -> bool:
        """Whether the version on this side decides for the person, by the id under which they are stored."""
        return self.rollout.takes(person) == self.staged
