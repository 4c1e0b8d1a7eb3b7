"""The book and the requests of the benches are such as a server accepts."""

import time
from pathlib import Path

from bench import books, derived
from engine.api.v1.decisions_pb2 import DecideBatchRequest, DecideRequest
from engine.decide.compiled import compile_book
from engine.decide.evaluate import evaluate
from engine.decide.match import match
from engine.rulebook.load import load
from engine.rulebook.report.diagnostics import Severity
from engine.wire.parse import Parser


def test_the_book_loads_without_a_warning(tmp_path: Path) -> None:
    """Nothing worse than notes on what is not used, and as many campaigns as asked for."""
    loaded = load(books.write_book(tmp_path, 30))
    assert {one.severity for one in loaded.diagnostics} <= {Severity.NOTE}
    assert loaded.book is not None
    assert len(loaded.book.campaigns) == 30


def test_the_requests_are_accepted_and_some_match() -> None:
    """Every request parses against the book, and there are campaigns for some of the customers."""
    compiled = books.compiled_book(300)
    parser = Parser(compiled)
    requests = [parser.parse(message, 1_800_000_000_000_000) for message in books.messages(100)]
    hits = [len(match(compiled, one, compiled.moment(one.now, one.attributes))) for one in requests]
    assert 0 < sum(1 for one in hits if one) < len(hits)


def test_bytes_put_together_are_the_messages_they_stand_for() -> None:
    """An id added to serialised requests, and requests put into a batch, read back as such."""
    sent = [books.with_id(body, books.request_id(number)) for number, body in enumerate(books.bodies(20))]
    batch = DecideBatchRequest.FromString(books.batch(sent))
    assert list(batch.requests) == [DecideRequest.FromString(one) for one in sent]
    assert len({one.request_id for one in batch.requests}) == 20
    assert {one.customer.id for one in batch.requests} == {books.customer(number) for number in range(20)}


def test_twenty_derived_attributes_are_in_use(tmp_path: Path) -> None:
    """The book refers to all twenty, requests bring twenty events each, and there are candidates for some of them."""
    book = load(books.write(derived.book(300), tmp_path)).book
    assert book is not None
    compiled = compile_book(book)
    derivation = compiled.derivation
    in_use = (derivation.measurements, derivation.searches, derivation.distances, derivation.clock)
    assert sum(map(len, in_use)) == len(derived.CONDITIONS) == 20
    parser, now = Parser(compiled), time.time_ns() // 1000
    requests = [parser.parse(DecideRequest.FromString(one), now) for one in derived.bodies(100)]
    assert {len(one.events) for one in requests} == {derived.EVENTS}
    eligible = [len(evaluate(compiled, one).candidates) for one in requests]
    assert 0 < sum(1 for one in eligible if one) < len(eligible)
