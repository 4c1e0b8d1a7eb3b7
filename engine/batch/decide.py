"""Decides record batches of customers: Arrow in, Arrow out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from engine.batch.arrow import CHUNK, ArrowReader
from engine.batch.columns import Codes, ScoreColumn
from engine.batch.kernel import Kernel
from engine.batch.people import CUSTOMER
from engine.batch.results import Decisions, RowDecision

_MOMENT = pa.timestamp("us", tz="UTC")


def decide_batch(kernel: Kernel, reader: ArrowReader, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The decisions for a batch of any size, by customer in their order. Raises BatchRefused, Disagreement."""
    customers: list[pa.Array] = []
    decided: list[Decisions] = []
    for start in range(0, max(1, batch.num_rows), CHUNK):
        people = reader.people(batch.slice(start, CHUNK))
        customers.append(people.batch.column(CUSTOMER))
        decided.append(kernel.decide_people(people))
    codes = np.concatenate([own.codes for own in decided])
    scores = np.concatenate([own.scores for own in decided])
    return _batch_of(pa.concat_arrays(customers), codes, scores, decided[0].distinct)


def decisions_batch(decisions: Decisions) -> pa.RecordBatch:
    """The decisions as a batch, by customer in their order; `class` numbers those that differ by the score alone.

    Texts that customers share are dictionaries.
    """
    customers = pa.array(decisions.names, pa.string())
    return _batch_of(customers, decisions.codes, decisions.scores, decisions.distinct)


def _batch_of(
    customers: pa.Array, codes: Codes, scores: ScoreColumn, distinct: Sequence[RowDecision]
) -> pa.RecordBatch:
    """codes: by customer, the place of the decision in `distinct`."""
    numbers = pa.array(codes)
    columns: Mapping[str, Any] = {
        CUSTOMER: customers,
        **{name: _taken(column, numbers) for name, column in _columns_of(distinct).items()},
        "score": pa.array(scores, from_pandas=True),
        "class": numbers,
    }
    return pa.RecordBatch.from_pydict(dict(columns))


def _taken(column: pa.Array, codes: pa.Array) -> pa.Array:
    """The values by customer; texts as a dictionary, since few of them are distinct."""
    if not pa.types.is_string(column.type):
        return column.take(codes)
    distinct = column.dictionary_encode()
    return pa.DictionaryArray.from_arrays(distinct.indices.take(codes), distinct.dictionary)


def _columns_of(distinct: Sequence[RowDecision]) -> dict[str, Any]:
    forms = [decision.chosen[0] if len(decision.chosen) == 1 else None for decision in distinct]
    reasons = [
        [f"{own.code.value}:{own.name}" if own.name else own.code.value for own in decision.reasons]
        for decision in distinct
    ]
    return {
        "outcome": pa.array([decision.outcome.value for decision in distinct], pa.string()),
        "campaign": pa.array([form and form.campaign for form in forms], pa.string()),
        "variant": pa.array([form and form.variant for form in forms], pa.string()),
        "channel": pa.array([form and form.channel for form in forms], pa.string()),
        "selection_probability": pa.array([own.selection_probability for own in distinct], pa.float64()),
        "reasons": pa.array(reasons, pa.list_(pa.string())),
        "next_allowed_at": pa.array([own.next_allowed_at for own in distinct], pa.int64()).cast(_MOMENT),
        "expires_at": pa.array([form and form.expires_at for form in forms], pa.int64()).cast(_MOMENT),
    }
