"""The shapes of scenario files: which keys there are and what kind of value each has."""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from engine.rulebook.shapes.sections import Names, Shape, Text

OutcomeName: TypeAlias = Literal["offer", "fallback", "control", "blocked", "nothing"]


MomentForm: TypeAlias = Annotated[Text, Field(examples=["2026-03-10T10:00+08:00"])]


TextsMapping: TypeAlias = Annotated[list[Text], Field(max_length=100)]


AttributesForm: TypeAlias = dict[str, Any]


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
    """What the customer did, oldest or latest first, each with its type and moment."""
    consents: TextsMapping = Field(default=[])
    preferred_channels: TextsMapping = Field(default=[])
    channels: TextsMapping = Field(default=[])
    placement: Text | None = None
    max_offers: Annotated[int, Field(ge=1, le=20)] = 1


class CustomerShape(OverrideShape):
    """A customer, as in a context file."""

    noun: ClassVar[str] = "customer"
    customer: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The id; the name, if it is left out."""
    aliases: TextsMapping = Field(default=[])
    """Further names of the customer."""


class TestShape(Shape):
    """One scenario."""

    __test__ = False
    noun: ClassVar[str] = "test"
    name: Annotated[Text, Field(max_length=200)]
    """A sentence; no two of a book are the same."""
    customer: Any
    """The name of a customer, or one as in `customers`."""
    now: MomentForm | None = None
    """The moment of a test that is no story."""
    channels: TextsMapping = Field(default=[])
    placement: Text | None = None
    max_offers: Annotated[int, Field(ge=1, le=20)] = 1
    with_: Annotated[AttributesForm, Field(alias="with")] = Field(default={})
    """What differs from the customer."""
    expect: dict[str, Any] | None = None
    story: list[Any] | None = None
    """Steps at several moments."""


class StepShape(Shape):
    """One step of a story."""

    noun: ClassVar[str] = "step"
    at: MomentForm
    as_: Annotated[Text | None, Field(alias="as", max_length=200)] = None
    """The name under which the customer acts in this step, instead of the id."""
    decide: AttributesForm | None = None
    """What differs from the test's customer."""
    record: Annotated[list[dict[str, Any]] | None, Field(min_length=1, max_length=1000)] = None
    """What the customer did before, or what happened to a decision, instead of `decide`; what has no moment of its own happens
    at the step's."""
    link: Names | None = None
    """Names that turn out to be the customer's as well, instead of `decide`."""
    expect: dict[str, Any] | None = None


class NotShape(Shape):
    """What must not be."""

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
    """What is expected of one answer; what is left out is not looked at."""

    noun: ClassVar[str] = "expectation"
    outcome: OutcomeName | None = None
    campaign: Text | None = None
    """Of the first offer, as are offer, variant, channel, placement, content and score."""
    offer: Text | None = None
    variant: Text | None = None
    channel: Text | None = None
    placement: Text | None = None
    content: dict[str, str] | None = None
    """Fields and their texts."""
    campaigns: TextsMapping | None = None
    """Of all offers, in order."""
    by: Names | None = None
    """Caps that hold back."""
    blocked_by: Names | None = None
    """The same as `by`."""
    next_allowed_at: MomentForm | None = None
    score: Annotated[float, Field(allow_inf_nan=False)] | None = None
    reasons: Names | None = None
    """`capped`, or with the name that it is about: `capped weekly-outbound`."""
    signals: Names | None = None
    """Signals that hold."""
    not_: Annotated[dict[str, Any] | None, Field(alias="not")] = None
    """Keys that must not hold."""
