"""Gives each request to the version of the book that decides for its person, while another one is rolled out beside it.

Who the person is, is known only when the ledger commits, after all names are resolved. So the version is guessed by the
customer's name, which is the person's own for nearly all; the ledger answers OtherVersion where that was wrong, and keeps
nothing. Without a roll-out every guess is right.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from google.protobuf.message import DecodeError

from engine.api.v1 import decisions_pb2 as pb
from engine.engine import Engine
from engine.ledger.errors import OtherVersion
from engine.model.decision import Decision
from engine.model.request import Request
from engine.server.book.serving import ServingBook, ServingBooks

_ResultT = TypeVar("_ResultT")
_AnswerT = TypeVar("_AnswerT")
_MessageT = TypeVar("_MessageT", bound=pb.DecideRequest | DecodeError)


DecideAll: TypeAlias = Callable[[Engine, Sequence[Request]], Awaitable[Sequence[Decision | Exception]]]
"""Decides requests by an engine; the answer of each, in order."""


_MOST_GUESSES = 4
"""A link may come between two guesses, or another stage."""


_AT_A_TIME = 32
"""Messages of a batch that are read before other calls have their turn: 2 to 3 ms of the event loop."""


class Answered(NamedTuple, Generic[_MessageT]):
    """A message, and what became of it."""

    serving: ServingBook
    """What served it."""
    message: _MessageT
    parsed: Request | Exception
    answer: Decision | Exception


async def by_person(
    serving_books: ServingBooks, name: str, call: Callable[[ServingBook], Awaitable[_ResultT]]
) -> _ResultT:
    """The result of a call with the version that decides for the person. Raises OtherVersion where that changes each time.

    name: the customer's.
    """
    serving = serving_books.of(name)
    for _ in range(_MOST_GUESSES - 1):
        with serving:
            try:
                return await call(serving)
            except OtherVersion:
                other = serving_books.other(serving)
        serving = other
    with serving:
        return await call(serving)


async def each_by_person(
    serving_books: ServingBooks,
    messages: Sequence[_MessageT],
    parse: Callable[[ServingBook, _MessageT], Request | Exception],
    decide: DecideAll,
) -> list[Answered[_MessageT]]:
    """Decides requests, in one group for each version that serves some of them, and those again that guessed wrong.

    Raises what `decide` raises, where that concerns all of them.
    """
    servings = [serving_books.of(_name_in(message)) for message in messages]
    answered: dict[int, Answered[_MessageT]] = {}
    waiting: Sequence[int] = range(len(messages))
    for _ in range(_MOST_GUESSES):
        parts: dict[ServingBook, list[int]] = {}
        for index in waiting:
            parts.setdefault(servings[index], []).append(index)
        with ExitStack() as entered:
            deciding = [
                _part(entered.enter_context(serving), [messages[index] for index in part], parse, decide)
                for serving, part in parts.items()
            ]
            decided = await asyncio.gather(*deciding, return_exceptions=True)
        if not answered:
            _raise_if_all(decided)
        for part, items in zip(parts.items(), decided, strict=True):
            answered |= _by_index(*part, messages, items)
        waiting = [index for index in waiting if isinstance(answered[index].answer, OtherVersion)]
        if not waiting:
            break
        for index in waiting:
            servings[index] = serving_books.other(servings[index])
    return [answered[index] for index in range(len(messages))]


async def _part(
    serving: ServingBook,
    messages: Sequence[_MessageT],
    parse: Callable[[ServingBook, _MessageT], Request | Exception],
    decide: DecideAll,
) -> list[Answered[_MessageT]]:
    """The answers to messages that one version serves."""
    parsed: list[Request | Exception] = []
    for start in range(0, len(messages), _AT_A_TIME):
        if start:
            await asyncio.sleep(0)
        parsed += [parse(serving, message) for message in messages[start : start + _AT_A_TIME]]
    valid = [item for item in parsed if isinstance(item, Request)]
    answers = await decide(serving.engine, valid) if valid else ()
    ordered = in_order(parsed, answers)
    return [
        Answered(serving, message, item, answer)
        for message, item, answer in zip(messages, parsed, ordered, strict=True)
    ]


def _raise_if_all(decided: Sequence[list[Answered[_MessageT]] | BaseException]) -> None:
    faults = [fault for fault in decided if isinstance(fault, BaseException)]
    if faults and len(faults) == len(decided):
        raise faults[0]


def _by_index(
    serving: ServingBook,
    indexes: Sequence[int],
    messages: Sequence[_MessageT],
    items: list[Answered[_MessageT]] | BaseException,
) -> dict[int, Answered[_MessageT]]:
    """The answers of a part by the indexes of the messages; an error that concerns the part is repeated for each."""
    if isinstance(items, Exception):
        return {index: Answered(serving, messages[index], items, items) for index in indexes}
    if isinstance(items, BaseException):
        raise items
    return dict(zip(indexes, items, strict=True))


def in_order(parsed: Iterable[object], answers: Iterable[_AnswerT]) -> Iterator[_AnswerT | Exception]:
    """The answers in the order of the items; an item that could not be parsed answers for itself."""
    remaining = iter(answers)
    for item in parsed:
        yield item if isinstance(item, Exception) else next(remaining)


def _name_in(message: pb.DecideRequest | DecodeError) -> str:
    """The customer's name as the message has it; empty where it could not be read."""
    return "" if isinstance(message, DecodeError) else message.customer.id
