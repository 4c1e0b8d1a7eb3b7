"""Conditions: one model, and the ways to evaluate it (reference, index, trace)."""
