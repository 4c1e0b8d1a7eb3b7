"""Logging: JSON or readable lines, with faults but without data of callers.

An exception's text and a frame's variables can hold anything that a caller sent. So a message has the exception's type and the
lines of the program that led to it; the text only at level `debug`. What a message holds is shown without secrets, and on a
terminal without characters that would control it. Messages of libraries, and of threads that failed, are written alike.
"""

import logging
import sys
import threading
import traceback
from typing import Any

import structlog
from grpc.aio import InternalError
from structlog.typing import EventDict

from engine.model.shown import printable, shown

log = structlog.get_logger()


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


def hide_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Shows all values without secrets."""
    return {name: shown(value) for name, value in event.items()}


def escape(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Makes texts printable for a line that is no JSON; structlog escapes those in lists itself."""
    return {name: printable(value) if isinstance(value, str) else value for name, value in event.items()}


class _Forwarding(logging.Handler):
    """Writes warnings and errors of libraries, such as asyncio's of a task that failed, as messages of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the record; `source` names its logger."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, InternalError):
            # gRPC notes that a call has ended a moment after its answer failed on that, and reports it as an error until then.
            log.debug("a caller went away before its answer", source=record.name)
            return
        write = log.error if record.levelno >= logging.ERROR else log.warning
        write(record.getMessage(), source=record.name, exc_info=error)


def _report_thread(failed: threading.ExceptHookArgs) -> None:
    log.error(
        "a thread failed", thread=failed.thread.name if failed.thread else "", exc_info=failed.exc_value
    )


def _report_end(_kind: type[BaseException], error: BaseException, _trace: Any) -> None:
    log.error("ended by a fault", exc_info=error)


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
            hide_secrets,
            *(() if as_json else (escape,)),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # a line at once: workers share the stream
        cache_logger_on_first_use=True,
    )
    if not any(isinstance(handler, _Forwarding) for handler in logging.root.handlers):
        logging.root.addHandler(_Forwarding(logging.WARNING))
    threading.excepthook = _report_thread
    sys.excepthook = _report_end
