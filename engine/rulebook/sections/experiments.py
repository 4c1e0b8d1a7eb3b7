"""Experiments: holdouts and layers, and of campaigns the control, the slot, the ramp and the attribution."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import ZoneInfo

from engine.model.instant import Instant
from engine.model.outcome import OutcomeType
from engine.rulebook.model.book import AttributeType, Campaign
from engine.rulebook.model.experiments import (
    MOST_CONVERSIONS,
    Attribution,
    Control,
    ConversionRamp,
    CreditModel,
    Experiments,
    Holdout,
    Layer,
    Ramp,
    RuleTrial,
    Salts,
    Slot,
)
from engine.rulebook.model.policies import Pause, Policies
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, ParseError, Path
from engine.rulebook.sections.caps import SelectorReader
from engine.rulebook.shapes.experiments import (
    AttributionShape,
    ControlShape,
    HoldoutShape,
    LayerShape,
    RampShape,
    TrialShape,
)
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.symbols import AttributeScope, SymbolTable
from engine.rulebook.text import datetimes, durations, percentages
from engine.rulebook.text.merge import Merged, check_name
from engine.rulebook.text.nodes import PlainData

_FAREWELLS = frozenset((OutcomeType.COMPLAINED, OutcomeType.UNSUBSCRIBED))
"""Outcomes after which nobody is contacted for the sake of a figure."""

PERSON = "person"
"""In place of an attribute: persons are drawn one by one, whatever the book's unit is."""

_UNIT_TYPES = frozenset((AttributeType.TEXT, AttributeType.INTEGER))

_CONVERSIONS = re.compile(r"([0-9]{1,5}) conversions?")
_CONVERSIONS_FORM = "for example 200 conversions"


@dataclass(frozen=True, slots=True)
class ExperimentReader:
    """Reads the experiments of one book."""

    zone: ZoneInfo
    salt: str
    """The salt of the book."""
    attribute_scope: AttributeScope
    book_unit: str
    """The attribute by which persons are drawn where nothing else is said; empty: one by one."""
    findings: Findings

    def read(
        self,
        merged: Merged,
        selectors: SelectorReader,
        policies: Policies,
        campaigns: Mapping[str, Campaign],
        layers: Mapping[str, Layer],
    ) -> Experiments:
        """Holdouts and trials of rules, beside the layers, which campaigns needed before; errors go to the findings."""
        trials = self._trials(merged, policies, campaigns)
        return Experiments(self._holdouts(merged.section("holdouts"), selectors), layers, trials)

    def _holdouts(self, data: Mapping[str, PlainData], selectors: SelectorReader) -> dict[str, Holdout]:
        """The section `holdouts`; errors go to the findings."""
        holdouts = {}
        for name, value in data.items():
            path = ("holdouts", name)
            shape = shaped(HoldoutShape, value, path, self.findings)
            if shape is not None:
                except_ = selectors.read(shape.except_, (*path, "except"))
                share = percentages.share((*path, "share"), shape.share, self.findings)
                salts, unit = self._salts(shape.salt, (*path, "salt")), self.unit(shape.unit, path)
                holdouts[name] = Holdout(name, share, salts, except_, unit)
        return holdouts

    def layers(self, data: Mapping[str, PlainData], *, partial: bool) -> SymbolTable[Layer]:
        """The section `layers`; errors go to the findings."""
        layers: SymbolTable[Layer] = SymbolTable("layer", partial=partial)
        for name, value in data.items():
            path = ("layers", name)
            shape = shaped(LayerShape, value, path, self.findings)
            layer = self._layer(name, shape, path) if shape else None
            layers.add(name, layer, sound=path not in self.findings.recovered)
        return layers

    def unit(self, name: str | None, path: Path) -> str:
        """The unit of what stands at the path, which names it or leaves it to the book; empty: persons are drawn."""
        return (
            self.book_unit
            if name is None
            else unit(name, (*path, "unit"), self.attribute_scope, self.findings)
        )

    def control(self, form: str | Mapping[str, PlainData] | None, path: Path) -> Control | None:
        """The control at the path; None where there is none."""
        if form is None:
            return None
        if isinstance(form, str):
            return Control(percentages.share(path, form, self.findings), Salts(self.salt))
        shape = shaped(ControlShape, dict(form), path, self.findings)
        if shape is None:
            return None
        share = percentages.share((*path, "share"), shape.share, self.findings)
        return Control(share, self._salts(shape.salt, (*path, "salt")), shape.planned)

    def _trials(
        self, merged: Merged, policies: Policies, campaigns: Mapping[str, Campaign]
    ) -> dict[str, RuleTrial]:
        """The trials of rules, by the name of the rule; errors go to the findings."""
        places: list[tuple[str, Path]] = [
            (name, ("pressure", section, name))
            for section in ("caps", "gaps", "pauses")
            for name in getattr(policies, section)
        ]
        places += [
            (campaign.per_customer.name, ("campaigns", name, "limits", "per_customer"))
            for name, campaign in campaigns.items()
            if campaign.per_customer
        ]
        trials = {}
        for name, path in places:
            here = (*path, "trial")
            trial = self._trial(merged.section(*map(str, path)).get("trial"), here)
            if trial is not None:
                trials[name] = trial
                self._check_farewells(policies.pauses.get(name), here)
        return trials

    def _trial(self, form: PlainData, path: Path) -> RuleTrial | None:
        if isinstance(form, str):
            return RuleTrial(percentages.share(path, form, self.findings), Salts(self.salt))
        shape = shaped(TrialShape, dict(form), path, self.findings) if isinstance(form, dict) else None
        if shape is None:
            return None
        share = percentages.share((*path, "share"), shape.share, self.findings)
        return RuleTrial(share, self._salts(shape.salt, (*path, "salt")))

    def _check_farewells(self, pause: Pause | None, path: Path) -> None:
        """Report a trial that would contact persons who unsubscribed or complained."""
        if pause is not None and (outcomes := sorted(_FAREWELLS & pause.outcomes)):
            message = (
                f"a pause after `{outcomes[0]}` cannot be lifted: these customers do not want to be contacted"
            )
            self.findings.error(path, Code.VALUE, message)

    def slot(self, text: str | None, layers: SymbolTable[Layer], path: Path) -> Slot | None:
        """The slot that the text at the path names as LAYER/SLOT; None where there is none."""
        if text is None:
            return None
        name, _, inside = text.partition("/")
        layer = layers.get(name, path, self.findings)
        if layer is None:
            return None
        if inside not in layer.slots:
            hint = self.findings.suggest(inside, layer.slots) or f"one of: {', '.join(sorted(layer.slots))}"
            message = f"the layer {quote(name)} has no slot {quote(inside)}"
            if not inside:
                message = "a layer and one of its slots are needed, joined by `/`"
            self.findings.error(path, Code.UNKNOWN, message, hint)
        self.findings.use((*layers.section, name, "slots", inside), path, offset=len(name) + 1)
        return layer.slots.get(inside)

    def ramp(self, data: Mapping[str, PlainData] | None, path: Path) -> Ramp | ConversionRamp | None:
        """The ramp at the path; None where there is none."""
        shape = None if data is None else shaped(RampShape, dict(data), path, self.findings)
        if shape is None:
            return None
        start = percentages.share((*path, "start"), shape.start, self.findings)
        if shape.full_after is None:
            return self._by_dates(shape, start, path)
        for key, given in (("from", shape.from_), ("full", shape.full)):
            if given is not None:
                message = f"`{key}` beside `full_after`: a ramp goes by dates or by conversions"
                self.findings.key_error((*path, key), Code.DUPLICATE, message)
        here = (*path, "full_after")
        number = self.findings.parse(here, shape.full_after, _conversions)
        return ConversionRamp(start, number or 1)

    def _by_dates(self, shape: RampShape, start: float, path: Path) -> Ramp | None:
        for key, given in (("from", shape.from_), ("full", shape.full)):
            known = self.findings.poisoned.intersection(((*path, key), (*path, "full_after")))
            if given is None and not known:
                hint = "`from` and `full`, or `full_after` alone, for example full_after: 200 conversions"
                self.findings.key_error(path, Code.MISSING, f"`{key}` is missing", hint)
        since = self._moment(shape.from_, (*path, "from"))
        full = self._moment(shape.full, (*path, "full"))
        if since is None or full is None:
            return None
        if full <= since:
            self.findings.error((*path, "full"), Code.VALUE, "`full` is not after `from`")
            return None
        return Ramp(since, start, full)

    def _layer(self, name: str, shape: LayerShape, path: Path) -> Layer:
        salts, unit = self._salts(shape.salt, (*path, "salt")), self.unit(shape.unit, path)
        slots = {}
        for slot, text in shape.slots.items():
            here = (*path, "slots", slot)
            check_name(slot, here, self.findings)
            stretch = self.findings.parse(here, text, percentages.parse_stretch)
            slots[slot] = Slot(name, slot, *(stretch or (0.0, 0.0)), salts, unit)
        for before, after in pairwise(
            sorted(slots.values(), key=lambda slot: (slot.low, slot.high, slot.name))
        ):
            if after.low < before.high:
                message = f"overlaps with {quote(before.name)}: a person has one place in a layer"
                self.findings.error((*path, "slots", after.name), Code.VALUE, message)
        return Layer(name, salts, slots, unit)

    def _salts(self, form: str | Mapping[str, str] | None, path: Path) -> Salts:
        if form is None or isinstance(form, str):
            return Salts(self.salt if form is None else form)
        later: dict[Instant, str] = {}
        for day, salt in form.items():
            since = self._moment(day, (*path, day))
            if since in later:
                self.findings.key_error((*path, day), Code.DUPLICATE, "the same moment is here already")
            if since is not None:
                later[since] = salt
        ordered = sorted(later.items())
        return Salts(ordered[0][1], tuple(ordered[1:])) if ordered else Salts("")

    def _moment(self, text: str | None, path: Path) -> Instant | None:
        return self.findings.parse(
            path, text, lambda bound: datetimes.parse_bound(bound, self.zone, end=False)
        )


def unit(name: str | None, path: Path, attribute_scope: AttributeScope, findings: Findings) -> str:
    """The attribute by whose values persons are drawn together; empty: they are drawn one by one.

    It is a fact about the customer that the book declares: what is derived changes from one decision to the next.
    """
    attribute = None if name in (None, PERSON) else attribute_scope.use(name, path, findings)
    if attribute is None:
        return ""
    if attribute.name not in attribute_scope.own:
        message = f"{quote(attribute.name)} may be another at every decision, so it cannot be a unit"
        findings.error(path, Code.VALUE, message, "name a text or an integer of the section `attributes`")
    elif attribute.type not in _UNIT_TYPES:
        message = f"{quote(attribute.name)} is of type {attribute.type}, and a unit is a text or an integer"
        findings.error(path, Code.TYPE, message)
    return attribute.name


def attribution(
    data: Mapping[str, PlainData] | None, otherwise: Attribution, path: Path, findings: Findings
) -> Attribution:
    """The attribution at the path; what it leaves out is as `otherwise` has it. Errors go to the findings."""
    shape = None if data is None else shaped(AttributionShape, dict(data), path, findings)
    if shape is None:
        return otherwise
    window, click = (
        before if text is None else durations.span((*path, key), text, findings)
        for key, text, before in (
            ("window", shape.window, otherwise.window),
            ("click", shape.click, otherwise.click),
        )
    )
    return Attribution(window, click, CreditModel(shape.model) if shape.model else otherwise.model)


def _conversions(text: str) -> int:
    match = _CONVERSIONS.fullmatch(text)
    if not match:
        raise ParseError("not a number of conversions", _CONVERSIONS_FORM)
    if not 1 <= int(match[1]) <= MOST_CONVERSIONS:
        raise ParseError(f"a ramp ends after 1 to {MOST_CONVERSIONS:,} conversions", _CONVERSIONS_FORM)
    return int(match[1])
