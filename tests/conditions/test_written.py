"""Conditions as marketers write them: loaded, evaluated on parsed requests by every evaluator."""

from collections.abc import Iterator
from typing import Any

import pytest

from engine.conditions.evaluate import Verdict, holds
from engine.conditions.trace import trace
from engine.decide.evaluate import evaluate
from engine.wire.violations import InvalidMessage
from tests.conditions.tables import Row, compiled_book, errors_of, groups, load_book, request_of, rows


def written(*, judged: bool) -> Iterator[Any]:
    """The rows whose condition a book may have, or those that it may not have."""
    for group in groups():
        for row in rows(group):
            if judged is (row.expected in (True, False) or str(row.expected).startswith("refused ")):
                yield pytest.param(row, id=f"{group}-{row.number}".replace(" ", "-"))


@pytest.mark.parametrize("row", list(written(judged=True)))
def test_meaning_as_written(row: Row) -> None:
    """Evaluator, index and trace give the expected result, or the request is refused for the named field."""
    compiled = compiled_book(row.group)
    if not isinstance(row.expected, bool):
        with pytest.raises(InvalidMessage) as caught:
            request_of(compiled, groups()[row.group], row.situation)
        assert [violation.field for violation in caught.value.violations] == [
            row.expected.removeprefix("refused ")
        ]
        return
    evaluation = evaluate(compiled, request_of(compiled, groups()[row.group], row.situation))
    attributes, name = evaluation.request.attributes, f"row-{row.number}"
    position = [compiled_campaign.campaign.name for compiled_campaign in compiled.compiled_campaigns].index(
        name
    )
    when = compiled.book.campaigns[name].when
    assert holds(when, attributes, evaluation.moment) is row.expected
    assert (position in compiled.index.match(attributes, evaluation.moment)) is row.expected
    assert (trace(when, attributes, evaluation.moment).verdict is Verdict.TRUE) is row.expected


@pytest.mark.parametrize("row", list(written(judged=False)))
def test_what_cannot_be_meant(row: Row) -> None:
    """An invalid condition is refused with the expected code, and with no other."""
    loaded = load_book(groups()[row.group], {"row": row.when})
    assert errors_of(loaded) == {row.expected}
