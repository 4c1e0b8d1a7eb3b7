"""Measures what decisions did: credit, effect and price, from a decision log."""
