"""Whom the draws of a decision are of: the person, and the units that they belong to, such as their company."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

from engine.decide.experiments.bucketing import identity
from engine.model.customer import KeptDraw
from engine.model.values import Attributes, is_blank

Units: TypeAlias = Mapping[str, str]
"""By attribute, the id of the unit that a customer belongs to; attributes that they lack are missing."""


NO_UNITS: Units = {}


class DrawSubject(NamedTuple):
    """The person of a decision with their units."""

    person: str
    """The id under which the person is stored."""
    units: Units = NO_UNITS
    kept: Sequence[KeptDraw] = ()
    """The draws that hold for sticky campaigns, in the order in which they were made."""

    def kept_draws(self, campaign: str, purpose: str, salt: str, unit: str) -> Iterator[KeptDraw]:
        """The draws of the person, or of their unit of this attribute, with the salt; the first one first."""
        return (
            draw
            for draw in self.kept
            if draw[:3] == (campaign, purpose, salt) and draw.unit == self.unit(unit)
        )

    def key(self, unit: str) -> tuple[str, ...]:
        """The parts of the hash that stand for the person, or for their unit of this attribute; empty: the person.

        A person without the attribute is drawn by themself. A unit has one part more than a person, so that no unit is drawn
        as a person is, whatever their ids.
        """
        unit_id = self.units.get(unit) if unit else None
        return (self.person,) if unit_id is None else (unit, unit_id)

    def unit(self, unit: str) -> str:
        """The attribute, if the customer has it; empty: the person is drawn."""
        return unit if unit in self.units else ""


def unit_id(attribute: str, value: object) -> str:
    """The id of a unit: BLAKE2b over the attribute and its value, with a digest of 16 bytes, hexadecimal.

    Units are drawn and logged by it, so that a decision can be repeated though the log leaves the value out.
    """
    return blake2b(identity(attribute, str(value)), digest_size=16).hexdigest()


def units_of(names: Iterable[str], attributes: Attributes) -> Units:
    """The customer's units of these attributes; a blank text is none."""
    present = ((name, attributes.get(name)) for name in names)
    return {name: unit_id(name, value) for name, value in present if not is_blank(value)}
