"""The shapes of a book's sections: their keys, and the type and bounds of each value.

Checks that need more than one value (names that must exist, bounds in order) are made where the model is built.
"""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from engine.rulebook.model.policies import DayName


def _whole(value: object) -> object:
    """The integer that a number such as 31.0 is; any other value as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


LARGEST_AMOUNT = 1_000_000_000
"""Limits are numbers of 32 bits on the wire."""


Whole: TypeAlias = Annotated[int, BeforeValidator(_whole)]
Text: TypeAlias = Annotated[str, Field(min_length=1)]
TextsForm: TypeAlias = Annotated[list[Text], Field(max_length=100)]
Duration: TypeAlias = Annotated[str, Field(examples=["24h"])]
Count: TypeAlias = Annotated[Whole, Field(ge=1, le=1_000_000)]
Amount: TypeAlias = Annotated[Whole, Field(ge=1, le=LARGEST_AMOUNT)]
ConditionForm: TypeAlias = dict[str, Any]
Locale: TypeAlias = Annotated[str, Field(min_length=1, examples=["zh-CN"])]
ContentForm: TypeAlias = dict[str, dict[str, str]]
CategoryName: TypeAlias = Literal["commercial", "service"]
KindName: TypeAlias = Literal["inbound", "outbound"]


class Shape(BaseModel):
    """A mapping with known keys; values are not converted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=False)
    noun: ClassVar[str] = ""
    """What messages call it."""


def form(value: object) -> str | None:
    """The tag of the type of a value that may have several types; faults.py drops tags from paths."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return "<number>"
    forms: dict[type, str] = {str: "<text>", list: "<list>", dict: "<mapping>"}
    return forms.get(type(value))


def form_of_propensity(value: object) -> str | None:
    """As `form`, for a propensity: a mapping names an attribute, or says how it is learned."""
    return "<learned>" if isinstance(value, dict) and "learned" in value else form(value)


def form_of_locale(value: object) -> str:
    """Whether a locale has fields, or fields by channel."""
    inside = value.values() if isinstance(value, dict) else ()
    return "<channels>" if any(isinstance(fields, dict) for fields in inside) else "<fields>"


Locales: TypeAlias = dict[
    str,
    Annotated[
        Annotated[dict[str, str], Tag("<fields>")] | Annotated[ContentForm, Tag("<channels>")],
        Discriminator(form_of_locale),
    ],
]


class ArbitrationShape(Shape):
    """What decides between campaigns of one tier."""

    noun: ClassVar[str] = "arbitration"
    score: Literal["gross", "net"] = "gross"
    """Whether scores are gross, or less the cost of the channel."""
    scarce: Literal["order", "prices"] = "order"
    """Whether what all customers share goes to who comes first, or to who is worth more than its price."""


class BookShape(Shape):
    """Settings of the whole book."""

    noun: ClassVar[str] = "book"
    name: Text
    """The book's name."""
    timezone: Annotated[Text, Field(examples=["Europe/Paris"])]
    """The IANA time zone of dates and times without a zone, and of active days and hours."""
    locale: Locale = "en"
    """The language of customers in whose language the content is not available."""
    salt: str = ""
    """Salt of the hashes that assign persons; changing it assigns all of them anew."""
    unit: Annotated[Text | None, Field(examples=["profile.company_id"])] = None
    """The attribute whose values are drawn in place of persons, such as a company; persons if it is left out."""
    week_starts: DayName = "mon"
    """The first day of calendar weeks."""
    attribution: dict[str, Any] | None = None
    """To which contacts conversions are attributed; campaigns may say otherwise."""
    lawful_basis: dict[str, Text] = {}
    """By category of sensitive data that conditions use: why that is lawful."""
    currency: Annotated[Text | None, Field(examples=["EUR"])] = None
    """The currency of values, prices and costs, by its code of ISO 4217."""
    budget: dict[str, Any] | None = None
    """Limit on what all contacts cost, over all customers."""
    arbitration: ArbitrationShape = ArbitrationShape()
    """What decides between campaigns of one tier."""


EventFieldType: TypeAlias = Literal[
    "integer",
    "number",
    "text",
    "boolean",
    "date",
    "time",
    "list of text",
    "list of integer",
    "list of number",
]


TypeName: TypeAlias = Literal[
    "integer",
    "number",
    "text",
    "boolean",
    "date",
    "time",
    "list of text",
    "list of integer",
    "list of number",
    "version",
    "ip",
]


class AttributeShape(Shape):
    """A value that requests can carry under a name."""

    noun: ClassVar[str] = "attribute"
    type: TypeName
    """The type of its values."""
    min: float | None = None
    """The lowest value; of numbers only."""
    max: float | None = None
    """The highest value; of numbers only."""
    one_of: list[Any] | None = None
    """All possible values."""
    sensitive: Text | None = None
    """The category of sensitive data that it belongs to."""
    masked: bool | None = None
    """Whether its values are left out of the log; by default those of sensitive attributes and of IP addresses are."""


FormatName: TypeAlias = Literal["html", "plain", "sms"]
FormatForm: TypeAlias = Annotated[
    Annotated[FormatName, Tag("<text>")] | Annotated[dict[Text, FormatName], Tag("<mapping>")],
    Discriminator(form),
]


NOT_NEEDED = "not_needed"
"""The `consent` of a channel whose contacts need none."""

PURPOSE = "write the name of the purpose that customers agree to, such as newsletter"


class ChannelShape(Shape):
    """A way to reach a customer."""

    noun: ClassVar[str] = "channel"
    kind: KindName
    """Whether customers come to us on it (inbound), or we go to them (outbound)."""
    address: Text | None = None
    """The attribute with the customer's address; outbound channels need one."""
    consent: Text | None = None
    """The purpose that the customer must have consented to, or `not_needed`; outbound channels need it."""
    cost: Annotated[float, Field(ge=0)] = 0.0
    """The cost of one contact."""
    hold: Duration = "24h"
    """How long a reserved contact waits for its confirmation."""
    on_silence: Literal["release", "confirm"] | None = None
    """What becomes of a contact of which nothing is reported; `confirm` on outbound channels if it is left out."""
    confirm: Literal["at_once", "on_impression"] | None = None
    """When a contact on an inbound channel is confirmed."""
    format: Annotated[FormatForm | None, Field(examples=["html", "{default: html, subject: plain}"])] = None
    """The format of its texts, or by field; `default` is for the fields that are not named."""
    max_segments: Annotated[Whole, Field(ge=1, le=255)] | None = None
    """Most segments that a short message should take."""
    capacity: dict[str, Any] | None = None
    """Limit on its contacts, over all customers."""
    capacity_each: dict[str, Any] | None = None
    """Limit on its contacts at each place of a set, such as each dealer."""
    budget: dict[str, Any] | None = None
    """Limit on what its contacts cost, over all customers."""


class PlacementShape(Shape):
    """A slot on an inbound channel."""

    noun: ClassVar[str] = "placement"
    channel: Text
    """The inbound channel that it is on."""
    max_offers: Annotated[Whole, Field(ge=1, le=20)] = 1
    """Most offers in one answer."""
    max_per_category: Annotated[Whole, Field(ge=1, le=20)] | None = None
    """Most offers of one category in one answer; any number if it is left out."""
    fallback: Text | None = None
    """The offer to show when no campaign is selected."""


class ActiveShape(Shape):
    """The period in which a campaign or an offer runs."""

    noun: ClassVar[str] = "active"
    from_: Annotated[Text | None, Field(alias="from", examples=["2026-03-01"])] = None
    """The first day, or the first instant."""
    until: Annotated[Text | None, Field(examples=["2026-03-31"])] = None
    """The last day, or the first instant after the end."""
    days: list[DayName] | None = None
    """The days of the week; every day if it is left out."""
    hours: Annotated[Text | None, Field(examples=["08:00-20:00"])] = None
    """From and until; may cross midnight."""
    clock: Literal["book", "customer"] = "book"
    """Whose clock these are read from."""


class OfferShape(Shape):
    """An offer that campaigns propose."""

    noun: ClassVar[str] = "offer"
    name: Text
    """Its title, for people."""
    category: str = ""
    """A category of the book's own choice."""
    value: Annotated[float, Field(ge=0)] = 1.0
    """Value of its acceptance."""
    price: Annotated[float | None, Field(ge=0)] = None
    """What customers pay; texts show it as `{offer.price:money EUR}`."""
    tags: TextsForm = []
    """Tags by which pressure rules select it."""
    promise: Text | None = None
    """Name of what it promises, the same in every variant."""
    stock: Amount | None = None
    """Limit on how often it is given, over all customers."""
    active: ActiveShape | None = None
    """When it can be proposed; always if it is left out."""
    content: ContentForm | None = None
    """Fields by channel or `default`, for campaigns without variants and for fallbacks."""
    locales: Locales = {}
    """Fields of the content that differ, by language."""


class AttributeFactor(Shape):
    """An attribute's value as a factor of the score."""

    noun: ClassVar[str] = "factor"
    attribute: Text
    """The attribute."""
    default: Annotated[float, Field(ge=0)]
    """The number for customers without it."""


FactorForm: TypeAlias = Annotated[
    Annotated[float, Field(ge=0), Tag("<number>")]
    | Annotated[Text, Tag("<text>")]
    | Annotated[AttributeFactor, Tag("<mapping>")],
    Discriminator(form),
    Field(examples=["0.3", "profile.scores.x", "{attribute: profile.scores.x, default: 0.1}"]),
]
PropensityForm: TypeAlias = Annotated[
    Annotated[float, Field(ge=0), Tag("<number>")]
    | Annotated[Text, Tag("<text>")]
    | Annotated[AttributeFactor, Tag("<mapping>")]
    | Annotated[dict[str, Any], Tag("<learned>")],
    Discriminator(form_of_propensity),
    Field(examples=["0.3", "profile.scores.x", "learned"]),
]


class BoostShape(Shape):
    """A factor for some customers."""

    noun: ClassVar[str] = "boost"
    when: ConditionForm
    """Which customers it is for."""
    by: Annotated[float, Field(gt=0)]
    """What the score is multiplied by."""


class VariantShape(Shape):
    """A variant of a campaign's content."""

    noun: ClassVar[str] = "variant"
    when: ConditionForm | None = None
    """Which customers it is for; everybody if it is left out."""
    share: Annotated[float, Field(gt=0)] = 1.0
    """Weight among the variants whose condition holds."""
    content: ContentForm
    """Fields by channel or `default`."""
    promise: Text | None = None
    """Name of what it promises; the offer's if it is left out."""
    locales: Locales = {}
    """Fields of the content that differ, by language."""


ControlForm: TypeAlias = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[dict[str, Any], Tag("<mapping>")],
    Discriminator(form),
]


class CampaignShape(Shape):
    """Who gets which offer, in which variants, on which channels, when, and how important it is."""

    noun: ClassVar[str] = "campaign"
    description: str = ""
    """For people."""
    offer: Text
    """The offer."""
    category: CategoryName = "commercial"
    """Service campaigns are exempt where rules say so."""
    active: ActiveShape | None = None
    """When it runs; always if it is left out."""
    when: ConditionForm | None = None
    """Which customers it is for; everybody if it is left out."""
    channels: TextsForm = []
    """Outbound or inbound channels in order of preference."""
    placements: TextsForm = []
    """Slots on inbound channels."""
    tier: Annotated[Whole, Field(ge=-1_000_000, le=1_000_000)] = 0
    """Higher tiers always win."""
    value: FactorForm | None = None
    """Value of its acceptance; the offer's value if it is left out."""
    propensity: PropensityForm = 1.0
    """Probability that the customer accepts, in [0, 1]; or `learned`."""
    boosts: Annotated[list[BoostShape], Field(max_length=100)] = []
    """Factors for some customers."""
    variants: dict[str, VariantShape] = {}
    """Variants of its content; the offer's own content if it is left out."""
    group: Text | None = None
    """At most one campaign of a group is in a response."""
    limits: dict[str, Any] | None = None
    """Limits on its contacts."""
    budget: dict[str, Any] | None = None
    """Limit on what its contacts cost, over all customers."""
    stop: Annotated[dict[Text, Duration] | None, Field(min_length=1, examples=["{converted: 30d}"])] = None
    """Outcomes of its own decisions after which it does not go on for a customer, each with the time."""
    control: Annotated[ControlForm | None, Field(examples=["10%"])] = None
    """The share of its customers who do not get it, for comparison."""
    slot: Annotated[Text | None, Field(examples=["LAYER/SLOT"])] = None
    """The slot of a layer whose persons it is for; everybody if it is left out."""
    ramp: dict[str, Any] | None = None
    """The growing share of persons whom it reaches; everybody if it is left out."""
    learn: dict[str, Any] | None = None
    """How it learns which of its variants does best; they compete by share if it is left out."""
    attribution: dict[str, Any] | None = None
    """To which of its contacts conversions are attributed; as the book says if it is left out."""
    unit: Annotated[Text | None, Field(examples=["profile.company_id"])] = None
    """The attribute whose values are drawn in place of persons, or `person`; the book's unit if it is left out."""
    sticky: bool = False
    """Whether who was once treated or control stays so, with the variant that was drawn, when shares change."""
    personalised: bool = True
    """`false`: nothing in it depends on the customer, so that it goes to those, too, who object to being profiled."""


Names: TypeAlias = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[list[Text], Tag("<list>")],
    Discriminator(form),
    Field(examples=["sms", "[sms, email]"]),
]
Kinds: TypeAlias = Annotated[
    Annotated[KindName, Tag("<text>")] | Annotated[list[KindName], Tag("<list>")],
    Discriminator(form),
    Field(examples=["outbound"]),
]
Categories: TypeAlias = Annotated[
    Annotated[CategoryName, Tag("<text>")] | Annotated[list[CategoryName], Tag("<list>")],
    Discriminator(form),
    Field(examples=["service"]),
]
