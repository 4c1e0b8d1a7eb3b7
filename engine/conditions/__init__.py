"""Conditions: their model, their meaning, an index over many of them, and traces that explain one."""
