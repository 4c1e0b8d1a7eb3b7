"""Replays a decision log: makes every logged decision again, by the book that made it, and compares what it wrote.

A decision is a pure function of book, request and history, and the log holds all three; so the answer, the trace and the
inputs come out as they stand in the log, byte by byte. Rows of earlier versions are compared in the form in which they were
written: what their version did not log yet is left out on the other side, too.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

import orjson

from engine.decide.answer import answer
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.pressure.registry import SHARED
from engine.decide.select import Selection
from engine.explain.books import Books
from engine.explain.replay import select_again
from engine.ledger.commit.decision_rows import MOST_CANDIDATES, decision_row
from engine.ledger.commit.replay import LoggedState, logged_state_of
from engine.ledger.queries.challenges import Challenged
from engine.ledger.queries.decisions import decisions_after
from engine.ledger.store.rows import DecisionRow
from engine.ledger.store.store import Store
from engine.model.instant import Instant

_RowT = TypeVar("_RowT", DecisionRow, Challenged)

END: Instant = 2**62
"""Later than any decision."""


PAGE = 256
"""Rows that are read at once."""


class ReplayResult(StrEnum):
    """How a decision that is made again compares with its row."""

    EQUAL = "equal"
    DIFFERENT = "different"
    NOT_REPLAYABLE = "not_replayable"


class Replayed(NamedTuple):
    """One decision of the log, made again."""

    decision_id: str
    result: ReplayResult
    reason: str = ""
    """Why it is not replayable."""
    patch: Sequence[Mapping[str, Any]] = ()
    """A JSON patch (RFC 6902) that makes what is replayed of what is logged: /answer, /trace, /inputs, /columns."""


NO_BOOK = "its book is not in the log; --books names folders of books"


MASKED = "the log does not hold a masked value that its book reads"


_UNREADABLE = "its row is not one that any version has written"


_BEYOND_LISTED = "an earlier version did not log the counters that candidates beyond the first 50 read"


def replay_log(
    store: Store, books: Books, *, since: Instant = 0, until: Instant = END, page: int = PAGE
) -> Iterator[Replayed]:
    """Makes the decisions again, in the order in which they were made; of moments from `since` until before `until`.

    It reads so many rows at a time as `page` says, each page in a transaction of its own. Raises LedgerError.
    """
    for row in logged_rows(store, (since, until), page):
        yield replay(row, books.of(row.book_version))


def logged_rows(store: Store, period: tuple[Instant, Instant], page: int = PAGE) -> Iterator[DecisionRow]:
    """The logged decisions of moments from the first until before the second, in the order in which they were made."""
    return in_pages(store, lambda last: decisions_after(store, last, page, *period))


def in_pages(store: Store, rows_after: Callable[[str], Sequence[_RowT]]) -> Iterator[_RowT]:
    """All rows, in order of decision_id; each page is read in a transaction of its own.

    rows_after: gives the next rows behind a decision_id, none at the end.
    """
    last = ""
    while True:
        with store.transaction(writes=False):
            rows = rows_after(last)
        if not rows:
            return
        yield from rows
        last = rows[-1].decision_id


def replay(row: DecisionRow, compiled: CompiledBook | None) -> Replayed:
    """Makes the decision of the row again, by its book."""
    if compiled is None:
        return Replayed(row.decision_id, ReplayResult.NOT_REPLAYABLE, NO_BOOK)
    try:
        logged = logged_state_of(row, compiled)
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, ValueError):
        return Replayed(row.decision_id, ReplayResult.NOT_REPLAYABLE, _UNREADABLE)
    if logged.lacking:
        return Replayed(row.decision_id, ReplayResult.NOT_REPLAYABLE, logged.lacking)
    again, selection = _decide_again(logged, row, compiled)
    again = again._replace(run=row.run)
    patch = () if again == row else _differences(row, again)
    if not patch:
        return Replayed(row.decision_id, ReplayResult.EQUAL)
    if reason := _other_cldr(row, compiled, patch) or _why_not(logged, compiled, row, selection):
        return Replayed(row.decision_id, ReplayResult.NOT_REPLAYABLE, reason)
    return Replayed(row.decision_id, ReplayResult.DIFFERENT, patch=patch)


def _decide_again(
    logged: LoggedState, row: DecisionRow, compiled: CompiledBook
) -> tuple[DecisionRow, Selection]:
    """The row that the decision has now, and its selection."""
    evaluation, selection = select_again(evaluate(compiled, logged.request, logged.learned), logged)
    decision = answer(evaluation, selection, row.decision_id)
    again = decision_row(evaluation, row.person, decision, selection, logged.customer_state, logged.arm)
    return again, selection


def _other_cldr(row: DecisionRow, compiled: CompiledBook, patch: Sequence[Mapping[str, Any]]) -> str:
    """Why texts alone came out differently: numbers, dates and languages are those of the CLDR that each program has."""
    logged = orjson.loads(row.inputs).get("cldr", "")
    if not logged or logged == compiled.cldr or not all(_OF_TEXTS.match(change["path"]) for change in patch):
        return ""
    return f"its texts were written by CLDR {logged}, and this program has CLDR {compiled.cldr}"


def _why_not(logged: LoggedState, compiled: CompiledBook, row: DecisionRow, selection: Selection) -> str:
    """Why a decision that came out differently could not come out as it was; empty: it should have."""
    if logged.masked:
        addresses = {channel.address for channel in compiled.book.channels.values()}
        if not addresses.issuperset(logged.masked) or compiled.values_read().intersection(logged.masked):
            return MASKED
    is_earlier = any(len(counter) < _COUNTER for counter in orjson.loads(row.trace)["counters"])
    unlisted = (
        rule_result.rule.kind in SHARED
        for tried in selection.tried[MOST_CANDIDATES:]
        for channel_result in tried.read
        for rule_result in channel_result.rule_results
    )
    return _BEYOND_LISTED if is_earlier and any(unlisted) else ""


_COUNTER = 7
"""Elements of a counter as this version logs it."""


_EARLIER: Mapping[str, Collection[int]] = {
    "candidates": (5,),
    "counters": (4, 5),
    "variants": (2, 4),
    "contacts": (8,),
    "outcomes": (5,),
}
"""By key of a trace, how many elements its rows had in earlier versions; new ones came at the end."""


_EARLIER_ANSWERS = (9, 10, 11)
"""How many elements answers had in earlier versions: without signals, selection_probability, next_any_at."""


_OWN = ("answer", "trace", "inputs")


_OF_TEXTS = re.compile(r"/answer/5/[0-9]+/7/|/trace/variants/[0-9]+/4$")
"""Paths of a patch at which the contents of offers, and the languages that were chosen, stand."""


def _differences(row: DecisionRow, again: DecisionRow) -> list[dict[str, Any]]:
    """A patch of what differs, in the form in which the row was written; empty if nothing does."""
    logged, replayed = _document(row), _document(again)
    replayed["inputs"] = _inputs_as(logged["inputs"], replayed["inputs"])
    replayed["trace"] = _trace_as(logged["trace"], replayed["trace"])
    replayed["answer"] = _answer_as(logged["answer"], replayed["answer"])
    if len(logged["answer"]) < len(_document(again)["answer"]):
        logged["columns"] = replayed[
            "columns"
        ]  # the columns of then are in the answer, as far as they were written
    if all(orjson.dumps(logged[key]) == orjson.dumps(replayed[key]) for key in logged):
        return []
    return list(json_patch(logged, replayed))


def _document(row: DecisionRow) -> dict[str, Any]:
    texts: dict[str, Any] = {key: orjson.loads(getattr(row, key)) for key in _OWN}
    columns = {key: value for key, value in row._asdict().items() if key not in _OWN}
    return {**texts, "columns": columns}


def _inputs_as(logged: Mapping[str, Any], again: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with what is not made again, but taken from the log.

    These are the names of masked values, the number of events, whether some value was blank (it may be a masked one), the
    version of CLDR, and the order in which attributes came.
    """
    attributes = again["attributes"]
    ordered = {name: attributes[name] for name in logged["attributes"] if name in attributes}
    inputs = {**again, "attributes": {**ordered, **attributes}}
    for key in ("masked", "masked_empty", "recalled_events", "blank", "cldr"):
        inputs.pop(key, None)
        if key in logged:
            inputs[key] = logged[key]
    ordered_keys = {key: inputs[key] for key in logged if key in inputs}
    return {**ordered_keys, **inputs}


def _trace_as(logged: Mapping[str, Any], again: Mapping[str, Any]) -> dict[str, Any]:
    """The trace without the elements of rows that the version of the logged one did not write."""
    trace = dict(again)
    for key, lengths in _EARLIER.items():
        rows = logged.get(key) or ()
        if rows and key in trace and all(len(row) in lengths for row in rows):
            trace[key] = [_as_long(row, rows, index) for index, row in enumerate(trace[key])]
            if key == "counters" and logged["more_candidates"]:
                trace[key] = trace[key][: len(rows)]  # without those of candidates that are not listed
    return trace


def _as_long(row: Sequence[Any], rows: Sequence[Sequence[Any]], index: int) -> Sequence[Any]:
    """The row cut to the length of the logged one at the same position."""
    return row[: len(rows[index])] if index < len(rows) else row


def _answer_as(logged: Sequence[Any], again: Sequence[Any]) -> list[Any]:
    """The answer without the elements that the version of the logged one did not write."""
    return [*again[: len(logged)]] if len(logged) in _EARLIER_ANSWERS else [*again]


def json_patch(before: Any, after: Any, path: str = "") -> Iterator[dict[str, Any]]:
    """The operations of a JSON patch (RFC 6902) that makes `after` of `before`; lists are compared by position.

    Numbers that are written differently differ: 1 and 1.0.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() - after.keys():
            yield {"op": "remove", "path": f"{path}/{_escaped(key)}"}
        for key, value in after.items():
            if key in before:
                yield from json_patch(before[key], value, f"{path}/{_escaped(key)}")
            else:
                yield {"op": "add", "path": f"{path}/{_escaped(key)}", "value": value}
    elif isinstance(before, list) and isinstance(after, list):
        for index, (old, new) in enumerate(zip(before, after, strict=False)):
            yield from json_patch(old, new, f"{path}/{index}")
        for index in reversed(range(len(after), len(before))):
            yield {"op": "remove", "path": f"{path}/{index}"}
        for value in after[len(before) :]:
            yield {"op": "add", "path": f"{path}/-", "value": value}
    elif orjson.dumps(before) != orjson.dumps(after):
        yield {"op": "replace", "path": path, "value": after}


def _escaped(key: str) -> str:
    """A key in a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
