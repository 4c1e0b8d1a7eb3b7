"""The shapes of a book's sections: which keys there are and what kind of value each has.

What needs more than one value to judge (names that must exist, bounds in order) is checked where the model is built.
"""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from engine.rulebook.model.policies import DayName

Text: TypeAlias = Annotated[str, Field(min_length=1)]


TextsForm: TypeAlias = Annotated[list[Text], Field(max_length=100)]


Duration: TypeAlias = Annotated[str, Field(examples=["24h"])]


Count: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000)]


Amount: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000_000)]


ConditionForm: TypeAlias = dict[str, Any]


Locale: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", examples=["zh-CN"])]


ContentForm: TypeAlias = dict[str, dict[str, str]]


CategoryName: TypeAlias = Literal["commercial", "service"]


KindName: TypeAlias = Literal["inbound", "outbound"]


class Shape(BaseModel):
    """A mapping with known keys, nothing converted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=False)
    noun: ClassVar[str] = ""
    """What messages call it."""


def form(value: object) -> str | None:
    """Which form of a value that has several; the tags never reach messages (faults.py beside drops them)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return "<number>"
    forms: dict[type, str] = {str: "<text>", list: "<list>", dict: "<mapping>"}
    return forms.get(type(value))


def form_of_propensity(value: object) -> str | None:
    """Which form of a propensity: a mapping may name an attribute, or say how it is learned."""
    return "<learned>" if isinstance(value, dict) and "learned" in value else form(value)


def form_of_locale(value: object) -> str:
    """Whether a locale has fields, or fields by channel."""
    inside = value.values() if isinstance(value, dict) else ()
    return "<channels>" if any(isinstance(each, dict) for each in inside) else "<fields>"


Locales: TypeAlias = dict[
    str,
    Annotated[
        Annotated[dict[str, str], Tag("<fields>")] | Annotated[ContentForm, Tag("<channels>")],
        Discriminator(form_of_locale),
    ],
]


class BookShape(Shape):
    """What holds for the whole book."""

    noun: ClassVar[str] = "book"
    name: Text
    """The book's name."""
    timezone: Annotated[Text, Field(examples=["Europe/Paris"])]
    """The IANA time zone of dates and times without a zone, and of active days and hours."""
    locale: Locale = "en"
    """The language that customers get who have none of those that a content has."""
    salt: str = ""
    """Changing it draws all random choices anew."""
    week_starts: DayName = "mon"
    """The first day of calendar weeks."""
    lawful_basis: dict[str, Text] = {}
    """For each category of sensitive data that conditions may use: why that is lawful."""


class AttributeShape(Shape):
    """What callers may send under a name."""

    noun: ClassVar[str] = "attribute"
    type: Literal[
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
    """The type of its values."""
    min: float | None = None
    """The lowest value; of numbers only."""
    max: float | None = None
    """The highest value; of numbers only."""
    one_of: list[Any] | None = None
    """All values that there are."""
    sensitive: Text | None = None
    """The category of sensitive data that it belongs to."""


class ChannelShape(Shape):
    """A way to reach a customer."""

    noun: ClassVar[str] = "channel"
    kind: KindName
    """Whether customers come to us on it (inbound), or we go to them (outbound)."""
    address: Text | None = None
    """The attribute with the customer's address; outbound channels need one."""
    consent: Text | None = None
    """The purpose that the customer must have agreed to, or `not_needed`; outbound channels need it."""
    cost: Annotated[float, Field(ge=0)] = 0.0
    """The cost of one contact."""
    hold: Duration = "24h"
    """How long a contact waits for word of its delivery."""
    on_silence: Literal["release", "confirm"] = "release"
    """What becomes of a contact when no word comes."""
    confirm: Literal["at_once", "on_impression"] | None = None
    """When a contact on an inbound channel is confirmed."""
    format: Literal["html", "plain", "sms"] | None = None
    """What its texts are written in."""
    max_segments: Annotated[int | None, Field(ge=1, le=255)] = None
    """How many segments a short message should take at most."""
    capacity: dict[str, Any] | None = None
    """How many contacts it takes, of all customers."""


class PlacementShape(Shape):
    """A slot on an inbound channel."""

    noun: ClassVar[str] = "placement"
    channel: Text
    """The inbound channel that it is on."""
    max_offers: Annotated[int, Field(ge=1, le=20)] = 1
    """How many offers it can show at once."""
    max_per_category: Annotated[int | None, Field(ge=1, le=20)] = None
    """How many offers of one category it shows at once; any number if it is left out."""
    fallback: Text | None = None
    """The offer to show when there is nothing better."""


class ActiveShape(Shape):
    """When a campaign or an offer runs."""

    noun: ClassVar[str] = "active"
    from_: Annotated[Text | None, Field(alias="from", examples=["2026-03-01"])] = None
    """The first day, or the first moment."""
    until: Annotated[Text | None, Field(examples=["2026-03-31"])] = None
    """The last day, or the moment after the last."""
    days: list[DayName] | None = None
    """The days of the week; every day if it is left out."""
    hours: Annotated[Text | None, Field(examples=["08:00-20:00"])] = None
    """From and until; may cross midnight."""
    clock: Literal["book", "customer"] = "book"
    """Whose clock these are read from."""


class OfferShape(Shape):
    """What is proposed."""

    noun: ClassVar[str] = "offer"
    name: Text
    """Its name for people."""
    category: str = ""
    """A word of the marketer's own."""
    value: Annotated[float, Field(ge=0)] = 1.0
    """What it is worth when it is taken."""
    tags: TextsForm = []
    """Words by which pressure rules can select it."""
    stock: Amount | None = None
    """How often it can be given in all."""
    active: ActiveShape | None = None
    """When it can be proposed; always if it is left out."""
    content: ContentForm | None = None
    """What is said, by channel or `default`, in campaigns without variants and as a fallback."""
    locales: Locales = {}
    """What of the content reads otherwise, by language."""


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
    """Whom it is for."""
    by: Annotated[float, Field(gt=0)]
    """What the score is multiplied by."""


class VariantShape(Shape):
    """A form of a campaign's content."""

    noun: ClassVar[str] = "variant"
    when: ConditionForm | None = None
    """Whom it is for; everybody if it is left out."""
    share: Annotated[float, Field(gt=0)] = 1.0
    """Its weight among the variants whose condition holds."""
    content: ContentForm
    """What is said, by channel or `default`."""
    locales: Locales = {}
    """What of the content reads otherwise, by language."""


ControlForm: TypeAlias = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[dict[str, Any], Tag("<mapping>")],
    Discriminator(form),
]


class CampaignShape(Shape):
    """Who gets which offer, in which form, on which channels, when, and how important it is."""

    noun: ClassVar[str] = "campaign"
    description: str = ""
    """For people."""
    offer: Text
    """What is proposed."""
    category: CategoryName = "commercial"
    """Service campaigns are exempt where rules say so."""
    active: ActiveShape | None = None
    """When it runs; always if it is left out."""
    when: ConditionForm | None = None
    """Whom it is for; everybody if it is left out."""
    channels: TextsForm = []
    """Outbound or inbound channels in order of preference."""
    placements: TextsForm = []
    """Slots on inbound channels."""
    tier: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    """Higher tiers always win."""
    value: FactorForm | None = None
    """What it is worth when it is taken; the offer's value if it is left out."""
    propensity: PropensityForm = 1.0
    """How likely the customer takes it, in [0, 1]; or that this is learned."""
    boosts: Annotated[list[BoostShape], Field(max_length=100)] = []
    """Factors for some customers."""
    variants: dict[str, VariantShape] = {}
    """The forms of its content; the offer's own content if it is left out."""
    group: Text | None = None
    """At most one campaign of a group is in a response."""
    limits: dict[str, Any] | None = None
    """How much of it there is."""
    control: Annotated[ControlForm | None, Field(examples=["10%"])] = None
    """The part of its customers who do not get it, to compare with."""
    slot: Annotated[Text | None, Field(examples=["LAYER/SLOT"])] = None
    """Whom of a layer it is for; everybody if it is left out."""
    ramp: dict[str, Any] | None = None
    """The growing part of all persons whom it reaches; everybody if it is left out."""
    learn: dict[str, Any] | None = None
    """How it finds out which of its variants does best; they compete by share if it is left out."""


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
