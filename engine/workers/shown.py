"""What a supervisor shows of itself and its workers, at the port before theirs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.observe.catalogue import PROCESS
from engine.observe.figures import About, Reading
from engine.rulebook.report.diagnostics import in_short
from engine.settings import Settings
from engine.workers.crew import Crew
from engine.workers.renewal import Renewal

if TYPE_CHECKING:
    from engine.observe.endpoint import Endpoint

WORKERS = About("tact_workers", "Workers that serve; only of a supervisor.")


def metrics_port(settings: Settings, number: int) -> int:
    """The port of a worker's figures: as far from the supervisor's as its number says. 0: none."""
    return settings.metrics_port + number if settings.metrics_port else 0


def shown(settings: Settings, crew: Crew, renewal: Renewal) -> "Endpoint | None":
    """The supervisor's endpoint; None where nobody looks. Raises CannotObserve."""
    if not settings.metrics_port:
        return None
    from engine.observe.endpoint import opened  # noqa: PLC0415 only who looks pays for it

    def ready() -> tuple[bool, Mapping[str, Any]]:
        return crew.serving > 0, {"workers": crew.serving, "wanted": settings.workers}

    def book() -> tuple[bool, Mapping[str, Any]]:
        wrong = renewal.refused
        return not wrong, {"version": renewal.version, "errors": [in_short(one) for one in wrong]}

    workers = Reading(WORKERS, lambda: {(): float(crew.serving)})
    pages = {"/live": lambda: (True, {}), "/ready": ready, "/book": book}
    return opened(settings.metrics_host, settings.metrics_port, [workers, *PROCESS], pages)
