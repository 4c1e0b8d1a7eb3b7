"""Texts of the contract: all of them are checked at the door, so that no database refuses what a caller wrote."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from engine.api.v1 import decisions_pb2 as pb
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.store.open import open_store
from engine.model.decision import Decision
from engine.model.request import Request
from engine.wire.explain import check_campaigns, parse_past
from engine.wire.parse import Parser
from engine.wire.record import parse_linking, parse_recordings
from engine.wire.values import sound
from engine.wire.violations import InvalidMessage
from tests.books import compiled_book
from tests.logs import Log

BOOK = """
book: {name: shop, timezone: UTC}
attributes: {profile.note: {type: text}, profile.notes: {type: list of text}}
events: {stored: true}
channels: {web: {kind: inbound}}
placements: {hero: {channel: web}}
offers: {pen: {name: Pen, content: {default: {text: Pen}}}}
campaigns: {x: {offer: pen, placements: [hero]}}
"""
NOW = 1_773_100_800_000_000
ODD = ("\U0001f9f4", "\u202e", "'; --", "\\u0000", "\ufffe", "é\u0301", "\x01\x7f", "\\", '"')
Put = Callable[[Any, str], object]


def text_fields(descriptor: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Put]]:
    """Every text that the message can hold: its path, and what puts a text there."""
    for field in descriptor.fields:
        path = (*names, field.name)
        entry = field.message_type
        if field.type == FieldDescriptor.TYPE_STRING:
            yield path, _put(path)
        elif entry is not None and entry.GetOptions().map_entry:
            yield (*path, "<key>"), partial(_put_key, path)
            for tail, put in text_fields(entry.fields_by_name["value"].message_type):
                yield (*path, "k", *tail), partial(_put_value, path, put)
        elif entry is not None:
            yield from text_fields(entry, path)


def _put_key(path: tuple[str, ...], message: Any, text: str) -> None:
    _at(message, path)[text].SetInParent()


def _put_value(path: tuple[str, ...], put: Put, message: Any, text: str) -> None:
    put(_at(message, path)["k"], text)


def _put(path: tuple[str, ...]) -> Put:
    def put(message: Message, text: str) -> None:
        holder, name = _at(message, path[:-1]), path[-1]
        if field_of(holder, name).is_repeated:
            getattr(holder, name).append(text)
        else:
            setattr(holder, name, text)

    return put


def field_of(message: Message, name: str) -> Any:
    """The field's descriptor."""
    return message.DESCRIPTOR.fields_by_name[name]


def _at(message: Any, path: tuple[str, ...]) -> Any:
    """The message or the container at the path; the first of repeated messages."""
    for name in path:
        field, message = field_of(message, name), getattr(message, name)
        if (
            field.is_repeated
            and field.message_type is not None
            and not field.message_type.GetOptions().map_entry
        ):
            message = message[0] if message else message.add()
    return message


def decide() -> pb.DecideRequest:
    """A sound request with one event."""
    message = pb.DecideRequest(customer=pb.Customer(id="ann"), placement="hero")
    message.context.events.add(type="view").at.FromSeconds(NOW // 1_000_000 - 60)
    return message


def record(type_: str, decision_id: str = "") -> pb.RecordRequest:
    """A sound recording of an event or an outcome."""
    message = pb.RecordRequest()
    event = message.events.add(customer=pb.Customer(id="ann"), event_id="e-1", decision_id=decision_id)
    event.event.type = type_
    event.event.at.FromSeconds(NOW // 1_000_000 - 60)
    return message


BASES: dict[str, Callable[[], Any]] = {
    "decide": decide,
    "event": lambda: record("view"),
    "outcome": lambda: record("converted", "d-1"),
    "link": lambda: pb.LinkRequest(customer_ids=["ann", "bob"]),
    "explain": lambda: pb.ExplainRequest(request=decide()),
    "explain logged": lambda: pb.ExplainRequest(decision_id="d-1"),
}


def commands(compiled: CompiledBook, message: Any) -> list[Any]:
    """What the message asks of the ledger; raises InvalidMessage, whichever part of it is wrong."""
    parser = Parser(compiled)
    match message:
        case pb.DecideRequest():
            return [DecideCommand(evaluate(compiled, parser.parse(message, NOW)))]
        case pb.RecordRequest():
            parsed = parse_recordings(parser, message, NOW)
            for command in parsed:
                if isinstance(command, Exception):
                    raise command
            return list(parsed)
        case pb.LinkRequest():
            return [parse_linking(parser, message, NOW)]
    if message.WhichOneof("subject") == "decision_id":
        parse_past(message)
        return []
    check_campaigns(message, compiled.book)
    return commands(compiled, message.request)


CASES = {
    f"{base} {'.'.join(path)}": (base, put)
    for base, make in BASES.items()
    for path, put in text_fields(make().DESCRIPTOR)
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path_factory.mktemp("book"), BOOK)


@pytest.mark.parametrize("case", CASES)
def test_a_nul_is_refused_in_every_text(compiled: CompiledBook, case: str) -> None:
    """Whichever text of a call has a NUL, the call is refused by name of the field and reaches no log."""
    base, put = CASES[case]
    message = BASES[base]()
    put(message, "a\0b")
    with pytest.raises(InvalidMessage) as refused:
        commands(compiled, message)
    assert "\0" not in str(refused.value)


def test_what_is_accepted_is_kept(compiled: CompiledBook, any_log: Log) -> None:
    """Odd texts in every field, as far as they are accepted, are kept together with a neighbour's decision."""
    store = open_store(any_log.url)
    group: list[Any] = []
    for base, put in CASES.values():
        for number, text in enumerate(ODD):
            message = BASES[base]()
            put(message, text)
            for event in message.events if base == "event" else ():
                event.event_id = event.event.event_id or f"{event.event_id} {len(group)} {number}"
            try:
                group += commands(compiled, message)
            except InvalidMessage:
                continue
    group.append(DecideCommand(evaluate(compiled, Request("neighbour", NOW, {}, placement="hero"))))
    assert len(group) > len(CASES)
    for start in range(0, len(group), 64):
        results = commit_group(store, group[start : start + 64])
    assert isinstance(results[-1], Decision)
    store.close()


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\0", "é\0"])
def test_halves_of_surrogate_pairs_are_refused(text: str) -> None:
    """Texts that come from JSON, as in `tact decide`, may hold them."""
    with pytest.raises(ValueError, match="must not contain"):
        sound(text)
