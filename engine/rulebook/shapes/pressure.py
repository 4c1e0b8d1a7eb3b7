"""The shapes of the section `pressure` and of limits, capacities and selectors."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from engine.rulebook.model.policies import DayName
from engine.rulebook.shapes.sections import (
    Amount,
    Categories,
    ConditionForm,
    ControlForm,
    Count,
    Duration,
    Kinds,
    Names,
    Shape,
    Text,
)

ClockName: TypeAlias = Literal["customer", "book"]
ClockTime: TypeAlias = Annotated[Text, Field(examples=['"21:00"'])]
Per: TypeAlias = Annotated[Text, Field(examples=["rolling 7d", "calendar week"])]


class SelectorShape(Shape):
    """Which contacts a rule covers: every key must match, each by any of its values."""

    noun: ClassVar[str] = "selector"
    channel: Names = Field(default=[])
    """Channels."""
    kind: Kinds = Field(default=[])
    """Kinds of channels."""
    campaign: Names = Field(default=[])
    """Campaigns."""
    offer: Names = Field(default=[])
    """Offers."""
    category: Categories = Field(default=[])
    """Categories of campaigns."""
    tag: Names = Field(default=[])
    """Tags of offers."""


class CustomerLimitShape(Shape):
    """A limit that customers may lower."""

    noun: ClassVar[str] = "limit"
    attribute: Text
    """The attribute with the customer's own limit."""
    default: Count
    """The limit, which the attribute can lower and never raise."""


def _limit_form(value: object) -> str:
    return "<mapping>" if isinstance(value, dict) else "<number>"


Limit: TypeAlias = Annotated[
    Annotated[Count, Tag("<number>")] | Annotated[CustomerLimitShape, Tag("<mapping>")],
    Discriminator(_limit_form),
    Field(examples=["2", "{attribute: profile.weekly_max, default: 2}"]),
]


TrialForm: TypeAlias = Annotated[ControlForm | None, Field(examples=["5%", "{share: 5%, salt: first}"])]


class CapShape(Shape):
    """At most `limit` contacts of one customer in a window."""

    noun: ClassVar[str] = "cap"
    limit: Limit
    """How many."""
    per: Per
    """The window: `rolling` and a duration, or `calendar` and `day`, `week` or `month`."""
    clock: ClockName | None = None
    """Whose calendar it is; the customer's if it is left out."""
    count: SelectorShape | None = None
    """Which contacts count; all if it is left out."""
    except_: Annotated[SelectorShape | None, Field(alias="except")] = None
    """Which contacts it does not hold back."""
    when: ConditionForm | None = None
    """For which customers it holds; all if it is left out."""
    trial: TrialForm = None
    """The share of persons for whom it is lifted."""


class PerCustomerShape(Shape):
    """How many contacts of a campaign one customer gets."""

    noun: ClassVar[str] = "limit"
    limit: Limit
    """How many."""
    per: Per
    """The window."""
    clock: ClockName | None = None
    """Whose calendar it is."""
    by: Annotated[Text | None, Field(examples=["signal.cart-abandoned.item"])] = None
    """The attribute by whose values contacts are counted apart: once per cart, order or item."""
    trial: TrialForm = None
    """The share of persons for whom it is lifted."""


class LimitsShape(Shape):
    """The limits of a campaign."""

    noun: ClassVar[str] = "limits"
    per_customer: PerCustomerShape | None = None
    """For one customer."""
    total: Amount | None = None
    """For all customers together, over all time."""


def _each_form(value: object) -> str:
    return "<text>" if isinstance(value, str) else "<number>"


class CapacityShape(Shape):
    """How many contacts a channel takes."""

    noun: ClassVar[str] = "capacity"
    limit: Amount
    """How many."""
    per: Annotated[Text, Field(examples=["calendar day"])]
    """The period of the book's calendar: `calendar` and `minute`, `hour`, `day`, `week` or `month`."""


class CapacityEachShape(Shape):
    """How many contacts each place of a set takes."""

    noun: ClassVar[str] = "capacity_each"
    by: Annotated[Text, Field(examples=["nearest.dealers.name"])]
    """The attribute that names the nearest place: `nearest`, the set, and a column that tells its places apart."""
    limit: Annotated[
        Annotated[Amount, Tag("<number>")] | Annotated[Text, Tag("<text>")],
        Discriminator(_each_form),
        Field(examples=["3", "calls_a_day"]),
    ]
    """How many: a number for every place, or the column of the table that holds it."""
    per: Annotated[Text, Field(examples=["calendar day"])]
    """The period of the book's calendar: `calendar` and `minute`, `hour`, `day`, `week` or `month`."""


class BudgetShape(Shape):
    """How much contacts may cost."""

    noun: ClassVar[str] = "budget"
    limit: Annotated[Text, Field(examples=["5000 EUR"])]
    """How much, in the currency of the book."""
    per: Annotated[Text | None, Field(examples=["calendar month"])] = None
    """The period of the book's calendar: `calendar` and `day`, `week`, `month`, `quarter` or `year`; for good without it."""


class GapShape(Shape):
    """A minimum time between contacts."""

    noun: ClassVar[str] = "gap"
    at_least: Annotated[Duration, Field(examples=["48h"])]
    """How long."""
    count: SelectorShape | None = None
    """Which contacts count; all if it is left out."""
    except_: Annotated[SelectorShape | None, Field(alias="except")] = None
    """Which contacts it does not hold back."""
    when: ConditionForm | None = None
    """For which customers it holds; all if it is left out."""
    trial: TrialForm = None
    """The share of persons for whom it is lifted."""


class PauseShape(Shape):
    """A time without contacts after outcomes."""

    noun: ClassVar[str] = "pause"
    outcome: Annotated[Names, Field(examples=["[complained, unsubscribed]"])]
    """The outcomes after which it begins."""
    times: Count = 1
    """Number of outcomes that begin it."""
    within: Duration | None = None
    """The time in which they must occur; for more than one."""
    for_: Annotated[Duration, Field(alias="for", examples=["365d"])]
    """How long it lasts."""
    scope: Literal["customer", "channel", "offer", "campaign"] = "customer"
    """What it holds back: everything that is sent to the customer, or the channel, offer or campaign of the outcomes."""
    except_: Annotated[SelectorShape | None, Field(alias="except")] = None
    """What it does not hold back."""
    when: ConditionForm | None = None
    """For which customers it holds; all if it is left out."""
    trial: TrialForm = None
    """The share of persons for whom it is lifted."""


class HolidaysShape(Shape):
    """The public holidays of a country."""

    noun: ClassVar[str] = "holidays"
    country: Annotated[Text, Field(examples=["CN"])]
    """ISO 3166-1 alpha-2, or `customer`: the country in which the customer is."""
    subdivision: Text | None = None
    """A part of the country that has holidays of its own."""


class QuietShape(Shape):
    """Hours and days at which nothing goes out."""

    noun: ClassVar[str] = "quiet rule"
    channel: Names = Field(default=[])
    """The channels; every outbound one if it is left out."""
    from_: Annotated[ClockTime | None, Field(alias="from")] = None
    """The hour at which it begins."""
    until: ClockTime | None = None
    """The hour at which it is over; may be on the next day."""
    days: list[DayName] = Field(default=[])
    """Days of the week."""
    dates: Annotated[list[Text], Field(max_length=1_000, examples=["[2026-12-24]"])] = Field(default=[])
    """Days of one year."""
    holidays: HolidaysShape | None = None
    """Public holidays."""
    clock: ClockName = "customer"
    """Whose clock shows the hour and the day."""
    except_: Annotated[SelectorShape | None, Field(alias="except")] = None
    """What it does not hold back."""
    when: ConditionForm | None = None
    """For which customers it holds; all if it is left out."""
