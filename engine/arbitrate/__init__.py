"""Arbitration: the eligible campaigns become a ranked list of proposals. Pure: same inputs, same list."""
