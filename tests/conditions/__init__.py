"""Conditions: every evaluator against the reference, and the reference against a table of meanings."""
