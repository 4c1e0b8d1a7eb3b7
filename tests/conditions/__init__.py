"""Tests of conditions: every evaluator against engine.conditions.evaluate, and that against a table of cases."""
