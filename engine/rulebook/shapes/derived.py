"""The shapes of patterns, signals, places, aggregates, distances, and the section `events`."""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from engine.rulebook.shapes.sections import (
    ConditionForm,
    Duration,
    EventFieldType,
    Names,
    Shape,
    Text,
    Whole,
    form,
)

Numbers: TypeAlias = Annotated[dict[str, Any] | None, Field(examples=["{gte: 2}"])]
OfField: TypeAlias = Annotated[dict[str, Any] | None, Field(examples=["{of: value, gte: 100}"])]
EventForm: TypeAlias = dict[str, Any]
Latitude: TypeAlias = Annotated[float, Field(ge=-90, le=90)]
Longitude: TypeAlias = Annotated[float, Field(ge=-180, le=180)]
WindowForm: TypeAlias = Annotated[str | None, Field(examples=["7d"])]


class BehaviourShape(Shape):
    """A condition on an aggregate of events."""

    noun: ClassVar[str] = "value of `behaviour`"
    event: Annotated[Text, Field(examples=["page_view"])]
    """The type of the events."""
    where: ConditionForm | None = None
    """Which of them; all if it is left out."""
    within: WindowForm = None
    """Their greatest age; any if it is left out."""
    count: Numbers = None
    """Number of events."""
    sum: OfField = None
    """The sum of a field."""
    distinct: OfField = None
    """How many different values of a field."""
    days_since_last: Numbers = None
    """Days since the latest, with fractions."""


class ContactConditionShape(Shape):
    """A condition on the number of contacts, by what became of them."""

    noun: ClassVar[str] = "value of `contact`"
    campaign: Names = Field(default=[])
    """The campaign, or several; any if it is left out."""
    offer: Names = Field(default=[])
    """The offer, or several."""
    channel: Names = Field(default=[])
    """The channel, or several."""
    outcome: Annotated[Names, Field(default=[], examples=["clicked", "[opened, clicked]"])]
    """What became of them: an outcome, `none`, or several of these; whatever it was if it is left out."""
    within: WindowForm = None
    """Their greatest age; any if it is left out."""
    after: Annotated[str | None, Field(examples=["3d"])] = None
    """Their least age."""
    count: Numbers = None
    """Number of contacts; at least one if it is left out."""


class RatioShape(Shape):
    """How many times the usual number."""

    noun: ClassVar[str] = "value of `ratio`"
    gte: Annotated[float, Field(gt=1, allow_inf_nan=False, examples=["3"])]
    """The least."""


class LeastShape(Shape):
    """How many events it takes."""

    noun: ClassVar[str] = "value of `count`"
    gte: Annotated[Whole, Field(ge=1, le=1_000_000_000, examples=["5"])]
    """The least number."""


class TrendValueShape(Shape):
    """The value that a trend is about, where it is not the same for everybody."""

    noun: ClassVar[str] = "value of `value`"
    attribute: Text | None = None
    """The customer's attribute that holds it."""
    offer: Literal["name", "category"] | None = None
    """Of the campaign's offer."""


class TrendShape(Shape):
    """A condition on the events of all customers."""

    noun: ClassVar[str] = "value of `trend`"
    event: Annotated[Text, Field(examples=["complaint"])]
    """The type of the events."""
    by: Annotated[Text | None, Field(examples=["product"])] = None
    """The field by whose values they are counted; all together if it is left out."""
    value: (
        Annotated[
            Annotated[Text, Tag("<text>")] | Annotated[TrendValueShape, Tag("<mapping>")],
            Discriminator(form),
            Field(examples=["nougat", "{attribute: profile.product}"]),
        ]
        | None
    ) = None
    """Which value of the field; any if it is left out."""
    within: Annotated[Text, Field(examples=["2h"])]
    """How long ago, in hours."""
    against: Annotated[Text, Field(examples=["7d"])] = "7d"
    """The time before with which it is compared."""
    ratio: RatioShape
    """How many times the usual number."""
    count: LeastShape | None = None
    """The fewest events that make a trend; 5 if it is left out."""


class PlaceShape(Shape):
    """A place on the Earth."""

    noun: ClassVar[str] = "place"
    latitude: Latitude
    """Degrees north."""
    longitude: Longitude
    """Degrees east."""
    fields: Annotated[dict[str, Text], Field(default_factory=dict, examples=["{name: The store}"])]
    """What texts can show of it, by field."""


class PlaceFileShape(Shape):
    """Places of a table."""

    noun: ClassVar[str] = "places"
    file: Annotated[Text, Field(examples=["stores.csv"])]
    """A CSV file in the book's folder, with the columns latitude and longitude; the others are fields."""


class NearShape(Shape):
    """A condition on the distance to a place."""

    noun: ClassVar[str] = "value of `near`"
    place: Text | None = None
    """The name of a place."""
    latitude: Latitude | None = None
    """Degrees north; instead of `place`."""
    longitude: Longitude | None = None
    """Degrees east; instead of `place`."""
    within_km: Annotated[float, Field(gt=0)]
    """Greatest distance in kilometres, along a great circle."""


MostEvents: TypeAlias = Annotated[Whole, Field(ge=1, le=10_000)]


class EventFieldShape(Shape):
    """A field of events of a type, of which more is said than its type."""

    noun: ClassVar[str] = "field of events"
    type: EventFieldType
    """The type of its values."""
    sensitive: Text | None = None
    """The category of sensitive data that it belongs to."""


EventFieldForm: TypeAlias = Annotated[
    Annotated[EventFieldType, Tag("<text>")] | Annotated[EventFieldShape, Tag("<mapping>")],
    Discriminator(form),
]


class EventTypeShape(Shape):
    """A type of events."""

    noun: ClassVar[str] = "type of events"
    fields: Annotated[
        dict[str, EventFieldForm],
        Field(examples=["{size: integer, topic: {type: text, sensitive: political}}"]),
    ]
    """Its further fields, and their types; `any` in place of the mapping for any fields."""


EventTypeForm: TypeAlias = Annotated[
    Annotated[Literal["any"], Tag("<text>")] | Annotated[EventTypeShape, Tag("<mapping>")],
    Discriminator(form),
]


class EventsShape(Shape):
    """Which recorded events are kept for a person."""

    noun: ClassVar[str] = "events"
    stored: bool = False
    """Whether recorded events are kept, and used beside those of the request."""
    newest: Annotated[
        Annotated[MostEvents, Tag("<number>")] | Annotated[dict[Text, MostEvents], Tag("<mapping>")],
        Discriminator(form),
        Field(examples=["500", "{page_view: 50, purchase: 200, default: 100}"]),
    ] = 500
    """Most events of a person that are kept: of all types together, or by type; `default` is for all other types together."""
    keep: Duration = "90d"
    """Age up to which events are kept."""
    types: Annotated[
        Annotated[list[Text], Field(max_length=500), Tag("<list>")]
        | Annotated[dict[Text, EventTypeForm], Field(max_length=500), Tag("<mapping>")],
        Discriminator(form),
        Field(
            default_factory=list, examples=["[purchase, page_view]", "{purchase: {fields: {size: integer}}}"]
        ),
    ]
    """The only types of events that there are; any if it is left out."""


class PatternShape(Shape):
    """A sequence of events, and events that must not follow it."""

    noun: ClassVar[str] = "pattern"
    first: Annotated[EventForm, Field(examples=["{event: add_to_cart, within: 24h}"])]
    """The event that it begins with."""
    then: Annotated[
        list[EventForm],
        Field(default_factory=list, max_length=9, examples=["[{event: page_view, within: 1h of first}]"]),
    ]
    """The events that follow, in order."""
    not_after: Annotated[
        Annotated[EventForm, Tag("<mapping>")]
        | Annotated[list[EventForm], Field(max_length=10), Tag("<list>")],
        Discriminator(form),
        Field(default_factory=list, examples=["{event: purchase, same: item}"]),
    ]
    """Events that must not follow the first."""
    expose: Annotated[dict[str, Text], Field(default_factory=dict, examples=["{item: first.item}"])]
    """The fields of its events that conditions and content can use."""
    prefer: Literal["latest", "earliest", "most value"] = "latest"
    """Which first event counts where several qualify."""


class SignalShape(Shape):
    """A conclusion about a customer, kept for as long as `hold`."""

    noun: ClassVar[str] = "signal"
    when: ConditionForm
    """When it holds."""
    hold: Annotated[
        Annotated[float, Tag("<number>")] | Annotated[Text, Tag("<text>")],
        Discriminator(form),
        Field(examples=["48h"]),
    ] = 0.0
    """How long it is kept after its condition last held; 0 for the request only."""
    until: ConditionForm | None = None
    """It is dropped as soon as this condition holds."""
    expose: Annotated[
        dict[str, Text], Field(default_factory=dict, examples=["{item: pattern.left-in-cart.item}"])
    ]
    """The attributes whose values it keeps, by field."""
