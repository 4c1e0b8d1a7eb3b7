"""Measures what decisions did: credit, effect and price, from a decision log.

The statistics need no log: `Arm`, `compare`, `always_valid` and the other names below work on sufficient statistics.
They are imported when they are first used, so that this package costs nothing to name.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.measure.statistics.arms import Arm, Interval, PairedArm
    from engine.measure.statistics.compare import Comparison, compare, compare_strata, heterogeneity
    from engine.measure.statistics.mover import Relative
    from engine.measure.statistics.sequential import always_valid, always_valid_strata

_HOMES = {
    "Arm": "arms",
    "Comparison": "compare",
    "Interval": "arms",
    "PairedArm": "arms",
    "Relative": "mover",
    "always_valid": "sequential",
    "always_valid_strata": "sequential",
    "compare": "compare",
    "compare_strata": "compare",
    "heterogeneity": "compare",
}
"""Modules of engine.measure.statistics by the names that they give to the outside."""

__all__ = [
    "Arm",
    "Comparison",
    "Interval",
    "PairedArm",
    "Relative",
    "always_valid",
    "always_valid_strata",
    "compare",
    "compare_strata",
    "heterogeneity",
]


def __getattr__(name: str) -> Any:
    """Import a name of __all__ from its module. Raises AttributeError for other names."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"engine.measure.statistics.{_HOMES[name]}"), name)
