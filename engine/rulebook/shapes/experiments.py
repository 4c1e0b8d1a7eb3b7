"""The shapes of holdouts, layers, controls, ramps, learning and attribution."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from engine.rulebook.shapes.pressure import SelectorShape
from engine.rulebook.shapes.sections import Shape, Text, Whole, form

Share: TypeAlias = Annotated[Text, Field(examples=["5%"])]
Salt: TypeAlias = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[dict[str, Text], Tag("<mapping>"), Field(min_length=1)],
    Discriminator(form),
    Field(examples=["2026-h2", "{2026-01-01: h1, 2026-07-01: h2}"]),
]
UnitForm: TypeAlias = Annotated[Text, Field(examples=["profile.company_id"])]
StretchForm: TypeAlias = Annotated[Text, Field(examples=["0-50%"])]


class HoldoutShape(Shape):
    """A share of all persons who get nothing."""

    noun: ClassVar[str] = "holdout"
    share: Share
    """The share."""
    salt: Salt | None = None
    """The salt of the hash that selects them; the book's salt if it is left out."""
    unit: UnitForm | None = None
    """The attribute whose values are drawn in place of persons, or `person`; the book's unit if it is left out."""
    except_: Annotated[SelectorShape | None, Field(alias="except")] = None
    """Contacts that they get all the same."""


class LayerShape(Shape):
    """All persons in a random order."""

    noun: ClassVar[str] = "layer"
    salt: Salt | None = None
    """The salt of the hash that gives the order; the book's salt if it is left out."""
    unit: UnitForm | None = None
    """The attribute whose values are drawn in place of persons, or `person`; the book's unit if it is left out."""
    slots: Annotated[
        dict[str, StretchForm], Field(min_length=1, examples=["{prices: 0-50%, words: 50-100%}"])
    ]
    """Stretches of it by name, which do not overlap."""


class ControlShape(Shape):
    """The share of a campaign's customers who do not get it."""

    noun: ClassVar[str] = "control"
    share: Share
    """The share."""
    salt: Salt | None = None
    """The salt of the hash that selects them; the book's salt if it is left out."""
    planned: Annotated[Whole, Field(ge=100, le=1_000_000_000, examples=["20000"])] | None = None
    """Persons of both arms together with whom the effect is to be measured, as `tact plan` says; 5,000 if it is left out."""


class TrialShape(Shape):
    """The share of persons for whom a rule is lifted."""

    noun: ClassVar[str] = "trial"
    share: Share
    """The share."""
    salt: Salt | None = None
    """The salt of the hash that selects them; the book's salt if it is left out."""


class RampShape(Shape):
    """A growing share of all persons."""

    noun: ClassVar[str] = "ramp"
    start: Share
    """The share that is reached at first."""
    from_: Annotated[Text | None, Field(alias="from", examples=["2026-03-01"])] = None
    """The first day, or the first instant."""
    full: Annotated[Text | None, Field(examples=["2026-03-15"])] = None
    """The day, or the instant, from which on everybody is reached."""
    full_after: Annotated[Text | None, Field(examples=["200 conversions"])] = None
    """The conversions after which everybody is reached; instead of `from` and `full`."""


class LearnedShape(Shape):
    """How a campaign learns its propensity."""

    noun: ClassVar[str] = "learned"
    reward: Literal["clicked", "converted"] = "clicked"
    """The outcome that it learns from."""
    window: Annotated[Text, Field(examples=["14d"])] = "14d"
    """Age at which rewards stop counting."""
    delay: Annotated[Text, Field(examples=["24h"])] = "1d"
    """Time after a contact in which its reward can come; until then the contact does not count."""
    prior: Annotated[float, Field(gt=0, le=1, examples=["0.05"])] = 0.05
    """The propensity before anything is learned."""


class LearnedPropensityShape(Shape):
    """A propensity that is learned."""

    noun: ClassVar[str] = "propensity"
    learned: LearnedShape
    """How."""


class LearnShape(Shape):
    """How a campaign learns which of its variants does best."""

    noun: ClassVar[str] = "learn"
    reward: Literal["clicked", "converted", "value"]
    """The outcome that it learns from."""
    explore: Share = "5%"
    """The share that all variants get in equal parts, whatever was learned."""
    window: Annotated[Text, Field(examples=["14d"])] = "14d"
    """Age at which rewards stop counting."""
    delay: Annotated[Text, Field(examples=["24h"])] = "1d"
    """Time after a contact in which its reward can come; until then the contact does not count."""


class AttributionShape(Shape):
    """To which contacts conversions are attributed."""

    noun: ClassVar[str] = "attribution"
    window: Annotated[Text | None, Field(examples=["7d"])] = None
    """Age of a contact, from its delivery, at which it no longer gets credit."""
    click: Annotated[Text | None, Field(examples=["30d"])] = None
    """Age of a click at which its contact no longer gets credit for it."""
    model: Literal["last_touch", "linear"] | None = None
    """Whether the latest contact gets all of the credit, or each an equal part."""
