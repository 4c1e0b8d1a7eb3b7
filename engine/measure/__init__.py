"""Measures what decisions did: credit, effect and price, from a decision log.

The statistics need no log: `Arm`, `compare`, `always_valid` and the other names below work on sufficient statistics.
They are imported when they are first used, so that this package costs nothing to name.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.measure.log import open_export, open_log
    from engine.measure.report.audiences import AudiencesQuestion
    from engine.measure.report.fatigue import FatigueQuestion
    from engine.measure.report.members import PortraitQuestion
    from engine.measure.report.signal_counts import SignalsQuestion
    from engine.measure.report.visits import PathsQuestion
    from engine.measure.statistics.arms import Arm, Interval, PairedArm
    from engine.measure.statistics.compare import Comparison, compare, compare_strata
    from engine.measure.statistics.cuped import Adjustment, cuped
    from engine.measure.statistics.learned import LearnedComparison, compare_learned
    from engine.measure.statistics.mover import Relative
    from engine.measure.statistics.multiplicity import Heterogeneity, benjamini_hochberg, heterogeneity, holm
    from engine.measure.statistics.off_policy import (
        OffPolicy,
        PolicyValue,
        Weighted,
        off_policy,
        self_normalised,
    )
    from engine.measure.statistics.planning import Baseline, SamplePlan, plan
    from engine.measure.statistics.ratio import FlatPosterior, effect_per, flat_posterior, incremental_share
    from engine.measure.statistics.sample_ratio import (
        LoggedCounts,
        SampleRatio,
        mismatch_causes,
        sample_ratio,
        sample_ratio_logged,
    )
    from engine.measure.statistics.sequential import always_valid, always_valid_strata

_HOMES = {
    "Adjustment": "cuped",
    "Arm": "arms",
    "Baseline": "planning",
    "Comparison": "compare",
    "FlatPosterior": "ratio",
    "Heterogeneity": "multiplicity",
    "Interval": "arms",
    "LearnedComparison": "learned",
    "LoggedCounts": "sample_ratio",
    "OffPolicy": "off_policy",
    "PairedArm": "arms",
    "PolicyValue": "off_policy",
    "Relative": "mover",
    "SamplePlan": "planning",
    "SampleRatio": "sample_ratio",
    "Weighted": "off_policy",
    "always_valid": "sequential",
    "always_valid_strata": "sequential",
    "benjamini_hochberg": "multiplicity",
    "compare": "compare",
    "compare_learned": "learned",
    "compare_strata": "compare",
    "cuped": "cuped",
    "effect_per": "ratio",
    "flat_posterior": "ratio",
    "heterogeneity": "multiplicity",
    "holm": "multiplicity",
    "incremental_share": "ratio",
    "mismatch_causes": "sample_ratio",
    "off_policy": "off_policy",
    "plan": "planning",
    "sample_ratio": "sample_ratio",
    "sample_ratio_logged": "sample_ratio",
    "self_normalised": "off_policy",
}
"""Modules of engine.measure.statistics by the names that they give to the outside."""

_OF_REPORTS = {
    "AudiencesQuestion": "report.audiences",
    "FatigueQuestion": "report.fatigue",
    "PathsQuestion": "report.visits",
    "PortraitQuestion": "report.members",
    "SignalsQuestion": "report.signal_counts",
    "open_export": "log",
    "open_log": "log",
}
"""Likewise, modules of engine.measure."""

__all__ = [
    "Adjustment",
    "Arm",
    "AudiencesQuestion",
    "Baseline",
    "Comparison",
    "FatigueQuestion",
    "FlatPosterior",
    "Heterogeneity",
    "Interval",
    "LearnedComparison",
    "LoggedCounts",
    "OffPolicy",
    "PairedArm",
    "PathsQuestion",
    "PolicyValue",
    "PortraitQuestion",
    "Relative",
    "SamplePlan",
    "SampleRatio",
    "SignalsQuestion",
    "Weighted",
    "always_valid",
    "always_valid_strata",
    "benjamini_hochberg",
    "compare",
    "compare_learned",
    "compare_strata",
    "cuped",
    "effect_per",
    "flat_posterior",
    "heterogeneity",
    "holm",
    "incremental_share",
    "mismatch_causes",
    "off_policy",
    "open_export",
    "open_log",
    "plan",
    "sample_ratio",
    "sample_ratio_logged",
    "self_normalised",
]


def __getattr__(name: str) -> Any:
    """Import a name of __all__ from its module. Raises AttributeError for other names."""
    if name in _OF_REPORTS:
        return getattr(import_module(f"engine.measure.{_OF_REPORTS[name]}"), name)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"engine.measure.statistics.{_HOMES[name]}"), name)
