"""Logs: structured, on standard error, without personal data."""

import logging
import sys

import structlog
from structlog.typing import EventDict

from engine.server.faults import told_faults, told_in_full


def configure(*, as_json: bool, level: str = "info", **constant: object) -> None:
    """Sets up logging for the process: JSON lines for machines, else readable lines, from a level on.

    `constant` stands in each.
    """

    def add_constant(_logger: object, _method: str, event: EventDict) -> EventDict:
        return {**event, **constant}

    renderer = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *([add_constant] if constant else []),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([told_in_full] if level == "debug" else []),
            told_faults,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # a line at once: workers share the stream
        cache_logger_on_first_use=True,
    )
