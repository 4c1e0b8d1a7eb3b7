"""Conditions: from plain data to trees of tests."""
