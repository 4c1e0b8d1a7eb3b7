"""Faults in messages: what went wrong and where, without what it went wrong with.

An exception's text and a frame's variables can hold anything that a caller sent. So a message has the exception's type and the
lines of the program that led to it; the text only at level `debug`.
"""

import logging
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict


def told_faults(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """The event with `fault` and `where` in place of `exc_info`; of exceptions behind it, each with its own."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    if error is None:
        return event
    chain = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) is not None and before not in chain:
        chain.append(before)
    event["fault"] = " from ".join(_name(one) for one in chain)
    event["where"] = [place for one in reversed(chain) for place in _places(one)]
    return event


def told_in_full(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """The event with the text of the exception too, for level `debug`."""
    given = event.get("exc_info")
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    return {**event, "text": str(error)} if error is not None else event


def _name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _places(error: BaseException) -> list[str]:
    return [f"{one.filename}:{one.lineno} {one.name}" for one in traceback.extract_tb(error.__traceback__)]


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
