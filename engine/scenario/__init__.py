"""Scenarios: tests of a book that marketers write in its folder tests/."""
