"""Logging: JSON or readable lines, with faults but without data of callers.

An exception's text and a frame's variables can hold anything that a caller sent. So a message has the exception's type and the
lines of the program that led to it; the text only at level `debug`.
"""

import logging
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict


def describe_fault(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replaces `exc_info` by `fault` and `where`: the types and lines of the exception and of those that caused it."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    if error is None:
        return event
    chain = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) is not None and before not in chain:
        chain.append(before)
    event["fault"] = " from ".join(map(_name, chain))
    event["where"] = [line for error in reversed(chain) for line in _lines(error)]
    return event


def add_fault_text(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Adds the text of the exception, for level `debug`."""
    given = event.get("exc_info")
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    return {**event, "text": str(error)} if error is not None else event


def _name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _lines(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def configure(*, as_json: bool, level: str = "info", **constant: object) -> None:
    """Sets up logging for the process, from a level on: JSON lines for machines, else readable ones.

    constant: fields of every message.
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
            *([add_fault_text] if level == "debug" else []),
            describe_fault,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # a line at once: workers share the stream
        cache_logger_on_first_use=True,
    )
