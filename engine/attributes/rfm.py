"""Recency, frequency and monetary value: three aggregates of purchases that every book has.

The classic measures of direct marketing (J. R. Bult and T. Wansbeek, "Optimal selection for direct mail", Marketing
Science 14(4), 1995), over all purchases that are known: those of the request, and those that the book keeps.
"""

from collections.abc import Mapping

from engine.rulebook.model.derived import Aggregate, Measure

PURCHASE = "purchase"
"""The type of the events that count."""

RFM: Mapping[str, Aggregate] = {
    one.name: one
    for one in (
        Aggregate("rfm.recency_days", PURCHASE, Measure.DAYS_SINCE_LAST),
        Aggregate("rfm.frequency", PURCHASE, Measure.COUNT),
        Aggregate("rfm.monetary", PURCHASE, Measure.SUM, "value"),
    )
}
"""Days since the latest purchase (missing without one), how many, and the sum of their `value`s, whatever the currency."""
