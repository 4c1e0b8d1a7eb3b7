"""Scenarios: what marketers expect of their book, read from its folder tests/ and played through the real procedure."""
