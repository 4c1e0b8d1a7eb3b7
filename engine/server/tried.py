"""Signals are tried before they are live: a set of rules that hangs or kills its process must never reach this one."""

import structlog

from engine.signals.compile import CompiledSignals
from engine.signals.evaluator import Evaluator, open_evaluator
from engine.signals.naive import NaiveEvaluator
from engine.signals.probe import probe

log = structlog.get_logger()


def open_tried(compiled: CompiledSignals) -> Evaluator:
    """The best evaluator whose rules passed in a process of their own; plain Python where they failed. Takes seconds."""
    return open_evaluator(compiled) if objection(compiled) is None else NaiveEvaluator(compiled)


def objection(compiled: CompiledSignals) -> str | None:
    """Why the rules should be evaluated in plain Python; None where they passed."""
    reason = probe(compiled)
    if reason is not None:
        log.error("signals are evaluated in plain Python", reason=reason)
    return reason
