"""The staged roll-out of a version of the book: by the person alone it is settled which of two versions decides."""

from typing import NamedTuple

from engine.decide.experiments.bucketing import identity, stable_fraction


class Rollout(NamedTuple):
    """A share of all persons for whom the staged version decides."""

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

    def decides_for(self, person: str) -> bool:
        """Whether the version on this side decides for the person, by the id under which they are stored."""
        return self.rollout.takes(person) == self.staged
