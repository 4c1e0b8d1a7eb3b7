"""`near:` in conditions, and the places that it names."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.conditions.model import Condition, Operator, Test
from engine.rulebook.conditions import wording
from engine.rulebook.declared import Declared
from engine.rulebook.model.derived import Distance
from engine.rulebook.report.diagnostics import Code
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.derived import NearShape, PlaceShape
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.text.nodes import Plain

_PLACE = ("latitude", "longitude")


def read(data: Mapping[str, Plain], findings: Findings, *, partial: bool) -> Declared[PlaceShape]:
    """The places of the book."""
    places: Declared[PlaceShape] = Declared("place", partial=partial)
    for name, value in data.items():
        path = ("places", name)
        shape = shaped(PlaceShape, value, path, findings)
        places.add(name, shape, sound=path not in findings.salvaged)
    return places


@dataclass(frozen=True, slots=True)
class DistanceReader:
    """Reads distances, and keeps those that conditions use."""

    places: Declared[PlaceShape]
    findings: Findings
    found: dict[str, Distance] = field(default_factory=dict)

    def read(self, data: Plain, path: Path) -> Condition | None:
        """The test on the distance at the path; None after reporting what is wrong with it."""
        shape = shaped(NearShape, data, path, self.findings)
        if shape is None:
            return None
        distance = self._distance(shape, path)
        if distance is None or path in self.findings.salvaged:
            return None
        self.found[distance.name] = distance
        return Test(distance.name, Operator.LTE, shape.within_km)

    def _distance(self, shape: NearShape, path: Path) -> Distance | None:
        given = [key for key in _PLACE if getattr(shape, key) is not None]
        if shape.place is not None:
            for key in given:
                message = f"`{key}` beside `place`: one of the two says where"
                self.findings.key_error((*path, key), Code.DUPLICATE, message)
            place = self.places.get(shape.place, (*path, "place"), self.findings)
            if place is None or given:
                return None
            return Distance(wording.distance(shape.place), place.latitude, place.longitude)
        if shape.latitude is None or shape.longitude is None:
            if not any((*path, key) in self.findings.spoiled for key in ("place", *_PLACE)):
                message = "it does not say near what"
                self.findings.key_error(
                    path, Code.MISSING, message, "name a `place`, or `latitude` and `longitude`"
                )
            return None
        where = f"{shape.latitude},{shape.longitude}"
        return Distance(wording.distance(where), shape.latitude, shape.longitude)
