"""The shapes of holdouts, layers, controls, ramps and learning: which keys there are, with what kind of value."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from engine.rulebook.shapes.pressure import SelectorShape
from engine.rulebook.shapes.sections import Shape, Text, form

Share: TypeAlias = Annotated[Text, Field(examples=["5%"])]
Salt: TypeAlias = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[dict[str, Text], Tag("<mapping>"), Field(min_length=1)],
    Discriminator(form),
    Field(examples=["2026-h2", "{2026-01-01: h1, 2026-07-01: h2}"]),
]
StretchForm: TypeAlias = Annotated[Text, Field(examples=["0-50%"])]


class HoldoutShape(Shape):
    """A part of all persons who get nothing."""

    noun: ClassVar[str] = "holdout"
    share: Share
    """How large a part."""
    salt: Salt | None = None
    """What they are drawn with; the book's salt if it is left out."""
    except_: Annotated[SelectorShape | None, Field(alias="except")] = None
    """What they get all the same."""


class LayerShape(Shape):
    """All persons in an order of chance."""

    noun: ClassVar[str] = "layer"
    salt: Salt | None = None
    """What gives the order; the book's salt if it is left out."""
    slots: Annotated[
        dict[str, StretchForm], Field(min_length=1, examples=["{prices: 0-50%, words: 50-100%}"])
    ]
    """Stretches of it by name, which do not overlap."""


class ControlShape(Shape):
    """A part of a campaign's customers who do not get it."""

    noun: ClassVar[str] = "control"
    share: Share
    """How large a part."""
    salt: Salt | None = None
    """What they are drawn with; the book's salt if it is left out."""


class RampShape(Shape):
    """A growing part of all persons."""

    noun: ClassVar[str] = "ramp"
    start: Share
    """The part that is reached at first."""
    from_: Annotated[Text | None, Field(alias="from", examples=["2026-03-01"])] = None
    """The first day, or the first moment."""
    full: Annotated[Text | None, Field(examples=["2026-03-15"])] = None
    """The day, or the moment, from which on everybody is reached."""
    full_after: Annotated[Text | None, Field(examples=["200 conversions"])] = None
    """After how many conversions everybody is reached, instead of two days."""


class LearnedShape(Shape):
    """From what a campaign learns how likely it is taken."""

    noun: ClassVar[str] = "learned"
    reward: Literal["clicked", "converted"] = "clicked"
    """What it learns from."""
    window: Annotated[Text, Field(examples=["14d"])] = "14d"
    """What is older counts no more."""
    delay: Annotated[Text, Field(examples=["24h"])] = "1d"
    """How long after a contact its reward may come; before that it does not count at all."""
    prior: Annotated[float, Field(gt=0, le=1, examples=["0.05"])] = 0.05
    """How likely it is taken as far as anybody knows before."""


class LearnedPropensityShape(Shape):
    """A propensity that is learned."""

    noun: ClassVar[str] = "propensity"
    learned: LearnedShape
    """From what."""


class LearnShape(Shape):
    """How a campaign finds out which of its variants does best."""

    noun: ClassVar[str] = "learn"
    reward: Literal["clicked", "converted", "value"]
    """What it learns from."""
    explore: Share = "5%"
    """The share that all variants have in equal parts, whatever is known."""
    window: Annotated[Text, Field(examples=["14d"])] = "14d"
    """What is older counts no more."""
    delay: Annotated[Text, Field(examples=["24h"])] = "1d"
    """How long after a contact its reward may come; before that it does not count at all."""
