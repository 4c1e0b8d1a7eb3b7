"""What of an error fits into the headers of an answer: clients refuse headers of 16 KiB, some of 8 KiB."""

from collections.abc import Sequence
from urllib.parse import quote

from google.rpc.error_details_pb2 import BadRequest

from engine.server.violations import Violation

_MESSAGE_BYTES = 1000
_DETAIL_BYTES = 3000
_TEXT_CHARACTERS = 300


def short(message: str) -> str:
    """The message as far as it takes at most 1,000 bytes of a header, in which each byte beyond ASCII takes three."""
    if len(message) <= _MESSAGE_BYTES and message.isascii():
        return message
    room, kept = _MESSAGE_BYTES - len(quote("…")), []
    for character in message[:_MESSAGE_BYTES]:
        room -= len(quote(character, safe=" "))
        if room < 0:
            break
        kept.append(character)
    return message if len(kept) == len(message) else "".join(kept) + "…"


def bad_request(violations: Sequence[Violation]) -> BadRequest:
    """The first violations, as many as take at most 3,000 bytes, and how many more there are."""
    told, room = BadRequest(), _DETAIL_BYTES
    for place, one in enumerate(violations):
        field = BadRequest.FieldViolation(field=_cut(one.field), description=_cut(one.description))
        room -= field.ByteSize() + 3
        if room < 0:
            rest = f"{len(violations) - place:,} more are not told here"
            told.field_violations.append(BadRequest.FieldViolation(description=rest))
            break
        told.field_violations.append(field)
    return told


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_CHARACTERS else text[: _TEXT_CHARACTERS - 1] + "…"
