"""Logs: structured, on standard error, without personal data."""

import logging
import sys

import structlog
from structlog.typing import EventDict


def configure(*, as_json: bool, **constant: object) -> None:
    """Sets up logging for the process: JSON lines for machines, else readable lines; `constant` stands in each.

    Tracebacks without the values of variables: they are customers' data, and take seconds to write.
    """

    def add_constant(_logger: object, _method: str, event: EventDict) -> EventDict:
        return {**event, **constant}

    plain = structlog.dev.plain_traceback
    renderer = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
    )
    as_data = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *([add_constant] if constant else []),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([as_data] if as_json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # a line at once: workers share the stream
        cache_logger_on_first_use=True,
    )
