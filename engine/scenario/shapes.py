"""The shapes of scenario files: the keys, and the kind of value that each takes."""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from engine.rulebook.shapes.sections import Names, Shape, Text

OutcomeName: TypeAlias = Literal["offer", "fallback", "control", "blocked", "nothing"]


MomentForm: TypeAlias = Annotated[Text, Field(examples=["2026-03-10T10:00+08:00"])]


TextsMapping: TypeAlias = Annotated[list[Text], Field(max_length=100)]


AttributesForm: TypeAlias = dict[str, Any]


StatedPrices: TypeAlias = Annotated[dict[str, Any], Field(max_length=100)]


REQUEST_PARTS = ("channels", "placement", "max_offers")
"""The keys of a test that are parts of its requests."""


class FileShape(Shape):
    """A scenario file."""

    noun: ClassVar[str] = "scenario file"
    customers: dict[str, Any] = Field(default={})
    """Named customers, for all files of the folder."""
    tests: list[Any] = Field(default=[])
    """The scenarios."""


class OverrideShape(Shape):
    """Parts of a request, as in a context file."""

    noun: ClassVar[str] = "context"
    profile: AttributesForm = Field(default={})
    location: AttributesForm = Field(default={})
    weather: AttributesForm = Field(default={})
    events: list[dict[str, Any]] = Field(default=[])
    """What the customer did, in any order, each with its type and time."""
    consents: TextsMapping = Field(default=[])
    preferred_channels: TextsMapping = Field(default=[])
    channels: TextsMapping = Field(default=[])
    placement: Text | None = None
    max_offers: Annotated[int, Field(ge=1, le=20)] = 1


class ContextShape(OverrideShape):
    """A context file: a customer, and how and when to decide for them."""

    noun: ClassVar[str] = "context"
    customer: Annotated[str, Field(min_length=1, max_length=200, examples=["customer: li-na"])]
    aliases: TextsMapping = Field(default=[])
    """Further names of the customer."""
    now: MomentForm | None = None
    mode: Literal["commit", "preview"] = "commit"
    request_id: Annotated[Text | None, Field(max_length=200)] = None
    prices: StatedPrices = Field(default={})
    """What counters that all customers share ask, where the book gives what is scarce by prices."""


class CustomerShape(OverrideShape):
    """A customer of scenarios."""

    noun: ClassVar[str] = "customer"
    customer: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The id; by default the name."""
    aliases: TextsMapping = Field(default=[])
    """Further names of the customer."""
    assigned: AttributesForm = Field(default={})
    """Their assignments in the book's experiments, in place of those by hash."""
    contacts: Annotated[list[Any], Field(max_length=100)] = Field(default=[])
    """Earlier contacts."""
    objections: TextsMapping = Field(default=[])
    """For what the customer objects to being profiled: purposes of consent, `channel:NAME`, or `*` for everything."""


class PastContactShape(Shape):
    """An earlier contact of a customer."""

    noun: ClassVar[str] = "contact"
    campaign: Text
    at: MomentForm
    channel: Text | None = None
    """By default the first of the campaign."""
    variant: Text | None = None
    assigned: Literal["treated", "control"] = "treated"


class GivenTrendShape(Shape):
    """How often all customers together do something."""

    noun: ClassVar[str] = "trend"
    event: Text
    by: Text | None = None
    value: Text | None = None
    count: Annotated[int, Field(ge=0)]
    """Events of the window."""
    usual: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Events that a window of this length has on average."""


class GivenPriceShape(Shape):
    """The price or the cut-off of what is scarce."""

    noun: ClassVar[str] = "price"
    price: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Of one piece, or of one of the currency, in units of scores."""
    above: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """Instead of `price`: only higher scores get it."""
    tier: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    """In which it runs short: higher tiers pay nothing, lower ones get nothing."""


class TestShape(Shape):
    """One scenario."""

    __test__ = False
    noun: ClassVar[str] = "test"
    name: Annotated[Text, Field(max_length=200)]
    """A sentence, unique in the book."""
    customer: Any
    """The name of a customer, or one as in `customers`."""
    now: MomentForm | None = None
    """When a test that is not a story decides."""
    channels: TextsMapping = Field(default=[])
    placement: Text | None = None
    max_offers: Annotated[int, Field(ge=1, le=20)] = 1
    with_: Annotated[AttributesForm, Field(alias="with")] = Field(default={})
    """What differs from the customer."""
    assigned: AttributesForm = Field(default={})
    contacts: Annotated[list[Any], Field(max_length=100)] = Field(default=[])
    """Earlier contacts of the customer, beside those that they have already."""
    objections: TextsMapping = Field(default=[])
    """Objections of the customer, beside those that they have already."""
    trends: Annotated[list[Any], Field(max_length=100)] = Field(default=[])
    """How often all customers together do something."""
    prices: StatedPrices = Field(default={})
    """What counters that all customers share ask, where the book gives what is scarce by prices."""
    expect: dict[str, Any] | None = None
    story: list[Any] | None = None
    """Steps at several times."""


class StepShape(Shape):
    """One step of a story."""

    noun: ClassVar[str] = "step"
    at: MomentForm
    as_: Annotated[Text | None, Field(alias="as", max_length=200)] = None
    """The name under which the customer acts in this step, instead of the id."""
    decide: AttributesForm | None = None
    """What differs from the test's customer."""
    record: Annotated[list[dict[str, Any]] | None, Field(min_length=1, max_length=1000)] = None
    """Instead of `decide`: events, and outcomes of decisions; without an `at` they happen at the step's."""
    link: Names | None = None
    """Instead of `decide`: further names of the customer."""
    assigned: AttributesForm = Field(default={})
    expect: dict[str, Any] | None = None


class NotShape(Shape):
    """What a decision must not have."""

    noun: ClassVar[str] = "expectation"
    outcome: OutcomeName | None = None
    campaign: Names | None = None
    offer: Names | None = None
    variant: Names | None = None
    channel: Names | None = None
    by: Names | None = None
    blocked_by: Names | None = None
    reasons: Names | None = None
    signals: Names | None = None


class ExpectShape(Shape):
    """What is expected of a decision; keys that are left out are not compared."""

    noun: ClassVar[str] = "expectation"
    outcome: OutcomeName | None = None
    campaign: Text | None = None
    """Of the first offer, as are offer, variant, channel, placement, content and score."""
    offer: Text | None = None
    variant: Text | None = None
    channel: Text | None = None
    placement: Text | None = None
    content: dict[str, str] | None = None
    """Texts by field."""
    campaigns: TextsMapping | None = None
    """Of all offers, in order."""
    by: Names | None = None
    """Pressure rules that block."""
    blocked_by: Names | None = None
    """The same as `by`."""
    next_allowed_at: MomentForm | None = None
    """When the best blocked campaign may go."""
    next_any_at: MomentForm | None = None
    """When any of the blocked campaigns may go."""
    score: Annotated[float, Field(allow_inf_nan=False)] | None = None
    reasons: Names | None = None
    """A code such as `capped`, or a code and a name: `capped weekly-outbound`."""
    signals: Names | None = None
    """Signals that hold."""
    not_: Annotated[dict[str, Any] | None, Field(alias="not")] = None
    """Values that the decision must not have."""
