"""Conditions on the events of all customers (`trend`): tests on how many they are, and how many times the usual number."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.conditions.model import All, Condition, Operator, Test
from engine.model.instant import DAY, Microseconds
from engine.model.texts import as_text, span_text
from engine.model.trends import HOUR, TrendAlarm
from engine.rulebook.conditions.event_fields import EventGrammar
from engine.rulebook.model.book import Attribute, AttributeType, Offer
from engine.rulebook.model.derived import Trend
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.derived import TrendShape, TrendValueShape
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.symbols import AttributeScope, SymbolTable
from engine.rulebook.text.durations import span
from engine.rulebook.text.nodes import PlainData

LEAST = 5
"""The fewest events that make a trend, where a book does not say: 3 where 1 is usual are no alarm."""

LONGEST_WINDOW, LONGEST_AGAINST = DAY, 28 * DAY
"""Cells are kept for as long as the two need, and a week more."""

_LISTS = frozenset((AttributeType.TEXTS, AttributeType.INTEGERS, AttributeType.NUMBERS))
_TEXTUAL = frozenset((AttributeType.TEXT, AttributeType.INTEGER, AttributeType.NUMBER, AttributeType.BOOLEAN))


@dataclass(slots=True)
class TrendReader:
    """Reads `trend` conditions, and collects what they read."""

    events: EventGrammar
    attribute_scope: AttributeScope
    stored: bool
    """Whether the book keeps events: only what is recorded is counted."""
    campaigns: Mapping[str, PlainData]
    """As they are written: `value: {offer: …}` looks up the offer of the campaign that it stands in."""
    trends: dict[str, Trend] = field(default_factory=dict)
    """What conditions read, by name."""
    alarms: set[TrendAlarm] = field(default_factory=set)
    """What conditions need to hold."""
    offers: SymbolTable[Offer] = field(default_factory=lambda: SymbolTable("offer"))

    @property
    def findings(self) -> Findings:
        """Where mistakes are reported."""
        return self.events.findings

    def read(self, data: PlainData, path: Path) -> Condition | None:
        """The tests at the path; None after reporting what is wrong with them."""
        shape = shaped(TrendShape, data, path, self.findings)
        if shape is None or path in self.findings.recovered:
            return None
        if not self.stored:
            message = "a trend counts recorded events, and the book keeps none"
            self.findings.key_error(path, Code.MISSING, message, "write `events: {stored: true}`")
            return None
        within = self._span(shape.within, (*path, "within"), HOUR, LONGEST_WINDOW)
        against = self._span(shape.against, (*path, "against"), max(within or 0, HOUR), LONGEST_AGAINST)
        sound = self._check_field(shape, path)
        target = self._target(shape, path)
        if within is None or against is None or not sound or target is None:
            return None
        value, attribute = target
        least = LEAST if shape.count is None else shape.count.gte
        chosen = shape.by is not None and shape.value is None
        trend = Trend(
            name=_name(shape, value, attribute, least, (within, against)),
            event=shape.event,
            field=shape.by or "",
            within=within,
            against=against,
            least=least if chosen else 0,
            value=value,
            attribute=attribute,
            any=chosen,
        )
        self.trends[trend.name] = trend
        self.alarms.add(TrendAlarm(shape.event, trend.field, value, within, against, least, shape.ratio.gte))
        return All(
            (
                Test(trend.count_name, Operator.GTE, least),
                Test(trend.ratio_name, Operator.GTE, shape.ratio.gte),
            )
        )

    def _span(self, text: str, path: Path, least: Microseconds, most: Microseconds) -> Microseconds | None:
        """The span at the path; None after reporting that it is none, or not one of whole hours between the two."""
        length = span(path, text, self.findings)
        if length == 1:
            return None
        if length % HOUR or not least <= length <= most:
            message = f"a trend counts by hours: from {span_text(least)} to {span_text(most)}, not {text}"
            self.findings.error(path, Code.VALUE, message, "for example 2h within, against 7d")
            return None
        return length

    def _check_field(self, shape: TrendShape, path: Path) -> bool:
        """Whether events can have the field and are counted by it."""
        events, here = self.events.of(shape.event, (*path, "event")), (*path, "by")
        if shape.by is None:
            if shape.value is not None:
                message = "`value` of what? `by` names the field of the events"
                self.findings.key_error((*path, "value"), Code.MISSING, message, "for example by: product")
            return shape.value is None
        if not events.check(shape.by, here):
            return False
        declared = events.field_of(shape.by)
        if declared is not None and (declared.type in _LISTS or declared.masked or declared.sensitive):
            why = "a list" if declared.type in _LISTS else "kept out of the log"
            message = f"{quote(shape.by)} is {why}: events are not counted by it"
            self.findings.error(here, Code.TYPE, message)
            return False
        return True

    def _target(self, shape: TrendShape, path: Path) -> tuple[str, str] | None:
        """The value and the attribute that the trend is about, one of which is empty; None after an error."""
        value, here = shape.value, (*path, "value")
        if value is None or isinstance(value, str):
            return value or "", ""
        if (value.attribute is None) == (value.offer is None):
            message = "it names either an `attribute` of the customer, or what of the `offer`"
            self.findings.error(here, Code.VALUE, message, "for example {attribute: profile.product}")
            return None
        if value.offer is not None:
            return self._of_offer(value, here)
        return self._of_attribute(value.attribute or "", (*here, "attribute"))

    def _of_offer(self, value: TrendValueShape, path: Path) -> tuple[str, str] | None:
        here = (*path, "offer")
        section, *rest = path
        campaign = self.campaigns.get(str(rest[0])) if section == "campaigns" and rest else None
        if not isinstance(campaign, dict):
            message = "only a condition inside a campaign has an offer"
            self.findings.error(here, Code.VALUE, message, "name the value, or an attribute")
            return None
        offer = self.offers.values.get(str(campaign.get("offer")))
        if offer is None:
            return None  # the campaign reports it
        text = offer.name if value.offer == "name" else offer.category
        if not text:
            self.findings.error(here, Code.MISSING, f"the offer {quote(offer.name)} has no category")
            return None
        return text, ""

    def _of_attribute(self, name: str, path: Path) -> tuple[str, str] | None:
        attribute: Attribute | None = self.attribute_scope.use(name, path, self.findings)
        if attribute is None:
            return None
        if name.startswith("signal."):
            message = f"{quote(name)} is known only after trends are read"
            hint = "name the attribute that the signal exposes, such as one of a pattern"
            self.findings.error(path, Code.VALUE, message, hint)
            return None
        if attribute.type not in _TEXTUAL:
            self.findings.error(path, Code.TYPE, f"{quote(name)} is a {attribute.type}, not a single value")
            return None
        return "", name


def _name(
    shape: TrendShape, value: str, attribute: str, least: int, spans: tuple[Microseconds, Microseconds]
) -> str:
    """What the trend is about; equal trends have one name."""
    within, against = map(span_text, spans)
    about = ""
    if shape.by is not None:
        about = f" by {shape.by} eq {as_text(value)}" if value else f" by {shape.by} of {attribute}"
        if shape.value is None:
            about = f" by any {shape.by} with at least {least}"
    return f"{shape.event}{about} within {within} against {against}"
