"""Scenarios: tests that marketers write beside a book."""
