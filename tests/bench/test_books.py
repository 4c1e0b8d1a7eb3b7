"""A server accepts the books and the requests of the benchmarks."""

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
    """There are no diagnostics but notes on what is not used, and as many campaigns as requested."""
    loaded = load(books.write_book(tmp_path, 30))
    assert {diagnostic.severity for diagnostic in loaded.diagnostics} <= {Severity.NOTE}
    assert loaded.book is not None
    assert len(loaded.book.campaigns) == 30


def test_the_requests_are_accepted_and_some_match() -> None:
    """Every request parses against the book, and there are campaigns for some of the customers."""
    compiled = books.compiled_book(300)
    parser = Parser(compiled)
    requests = [parser.parse(message, 1_800_000_000_000_000) for message in books.messages(100)]
    hits = [
        len(match(compiled, request, compiled.moment(request.now, request.attributes)))
        for request in requests
    ]
    assert 0 < sum(count > 0 for count in hits) < len(hits)


def test_joined_bytes_are_the_messages() -> None:
    """An id added to serialised requests, and requests put into a batch, read back as such."""
    bodies = [books.with_id(body, books.request_id(number)) for number, body in enumerate(books.bodies(20))]
    batch = DecideBatchRequest.FromString(books.batch(bodies))
    assert list(batch.requests) == [DecideRequest.FromString(body) for body in bodies]
    assert len({request.request_id for request in batch.requests}) == 20
    assert {request.customer.id for request in batch.requests} == {
        books.customer(number) for number in range(20)
    }


def test_twenty_derived_attributes_are_in_use(tmp_path: Path) -> None:
    """The book refers to all twenty, requests bring twenty events each, and there are candidates for some of them."""
    book = load(books.write(derived.book(300), tmp_path)).book
    assert book is not None
    compiled = compile_book(book)
    derivation = compiled.derivation
    in_use = (derivation.measurements, derivation.searches, derivation.distances, derivation.clock)
    assert sum(map(len, in_use)) == len(derived.CONDITIONS) == 20
    parser, now = Parser(compiled), time.time_ns() // 1000
    requests = [parser.parse(DecideRequest.FromString(body), now) for body in derived.bodies(100)]
    assert {len(request.events) for request in requests} == {derived.EVENTS}
    eligible = [len(evaluate(compiled, request).candidates) for request in requests]
    assert 0 < sum(count > 0 for count in eligible) < len(eligible)
