"""Decides whole populations from a file, without side effects: reading, simulating, and budgets on the result."""
