"""What a run decides for all alike, and why customers are not decided by columns but evaluated one by one."""

from typing import NamedTuple

from engine.decide.compiled import CompiledBook
from engine.model.instant import Instant
from engine.model.request import Request
from engine.rulebook.model.book import ScoreKind

VERIFIED = 0.001
"""Share of the customers of the columns who are decided by the engine too."""


class Disagreement(Exception):
    """The columns and the engine differ on a customer: a defect, for which the run stops."""

    def __init__(self, customer: str, by_columns: object, by_engine: object) -> None:
        super().__init__(f"{customer!r}: the columns say {by_columns}, the engine says {by_engine}")
        self.customer = customer


class ColumnPlan(NamedTuple):
    """What a run decides for all customers alike."""

    now: Instant
    channels: tuple[str, ...] = ()
    """The channels that are allowed; empty: every outbound channel."""
    verified: float = VERIFIED
    """Share of the customers of the columns who are decided by the engine too."""


def book_lane(compiled: CompiledBook) -> list[str]:
    """Why none of the book's customers can be decided by columns; empty if they can."""
    reasons = {
        "the book infers signals": compiled.signals is not None,
        "a campaign learns": compiled.learns
        or any(own.campaign.propensity.learned for own in compiled.compiled_campaigns),
        "scores are net of costs": compiled.book.score is ScoreKind.NET,
        "a rule has a trial": bool(compiled.book.experiments.trials),
        "a ramp goes by conversions": bool(compiled.ramped),
        "places have capacities of their own": bool(compiled.pressure.places),
    }
    return [reason for reason, applies in reasons.items() if applies]


def row_lane(request: Request, plan: ColumnPlan) -> str:
    """Why the customer is evaluated alone; empty if they are decided by columns."""
    if request.now != plan.now or request.channels != plan.channels:
        return "asks for another moment or other channels than the run"
    if request.placement:
        return "fills a placement"
    if request.max_offers != 1:
        return "allows several offers"
    return "brings units of a logged decision" if request.units else ""
