"""Answers whose enums print as names.

A field of a message is a bare number, so `print(answer.outcome)` would show 1. Answers are therefore given behind a thin
view: numbers of enums come as members of IntEnum, which equal the numbers and print as their names in the contract; all
else is the message's.
"""

from collections.abc import Callable
from copy import deepcopy
from enum import IntEnum
from functools import cache
from typing import Any, TypeVar, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

_M = TypeVar("_M", bound=Message)


class NamedNumber(IntEnum):
    """A number of an enum of the contract; prints as its name."""

    def __str__(self) -> str:
        return self.name

    def __format__(self, spec: str) -> str:
        """The name; the number where the format is one of numbers."""
        return (
            int.__format__(self, spec)
            if spec[-1:] in tuple("bcdeEfFgGnoxX%") and spec
            else self.name.__format__(spec)
        )


class AnswerView:
    """Shows a message with the names of its enums.

    It is equal to its message, an instance of its class for `isinstance`, and has all of its fields and methods. Where a
    function of protobuf needs the message itself, as to put it into another one, `message` is it.
    """

    __slots__ = ("message",)
    __hash__ = None  # type: ignore[assignment] # as of messages

    message: Message

    def __init__(self, message: Message) -> None:
        self.message = message

    @property  # type: ignore[misc] # isinstance asks for it, as for mocks
    def __class__(self) -> type:
        return type(self.message)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.message, name)
        show = _shown(self.message.DESCRIPTOR).get(name)
        return show(value) if show else value

    def __eq__(self, other: object) -> bool:
        return bool(self.message == (other.message if type(other) is AnswerView else other))

    def __dir__(self) -> list[str]:
        return [*dir(self.message), "message"]

    def __repr__(self) -> str:
        return repr(self.message)

    def __str__(self) -> str:
        return str(self.message)

    def __deepcopy__(self, memo: dict[int, Any]) -> "AnswerView":
        return AnswerView(deepcopy(self.message, memo))

    def __reduce__(self) -> tuple[type, tuple[Message]]:
        return AnswerView, (self.message,)


def named(message: _M) -> _M:
    """The message behind a view that shows the names of its enums."""
    return cast("_M", AnswerView(message))


@cache
def _shown(descriptor: Descriptor) -> dict[str, Callable[[Any], Any]]:
    """By name, how the fields are shown that are enums or hold some."""
    return {field.name: show for field in descriptor.fields if (show := _show(field))}


def _show(field: FieldDescriptor) -> Callable[[Any], Any] | None:
    if field.enum_type is not None:
        return _numbers_as(_enum(field.enum_type))
    if field.message_type is not None and _holds_enum(field.message_type, frozenset()):
        return _viewed
    return None


def _viewed(value: Any) -> Any:
    """A message, or each message of a repeated field, behind a view."""
    return AnswerView(value) if isinstance(value, Message) else [AnswerView(message) for message in value]


def _numbers_as(enum: type[NamedNumber]) -> Callable[[Any], Any]:
    """Makes members of numbers, also of each number of a repeated field.

    A number that a newer server has and this contract does not know stays a number.
    """
    members = {int(member): member for member in enum}

    def shown(value: Any) -> Any:
        if isinstance(value, int):
            return members.get(value, value)
        return [members.get(number, number) for number in value]

    return shown


@cache
def _enum(descriptor: EnumDescriptor) -> type[NamedNumber]:
    numbers = {value.name: value.number for value in descriptor.values}
    return cast("type[NamedNumber]", cast("Any", NamedNumber)(descriptor.name, numbers))


def _holds_enum(descriptor: Descriptor, around: frozenset[str]) -> bool:
    """Whether a message of this kind has an enum, at any depth."""
    if descriptor.full_name in around:
        return False
    inner = around | {descriptor.full_name}
    return any(
        field.enum_type is not None
        or (field.message_type is not None and _holds_enum(field.message_type, inner))
        for field in descriptor.fields
    )
