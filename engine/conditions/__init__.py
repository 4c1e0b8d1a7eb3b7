"""Conditions: the tree, its meaning, the index over many of them, and the trace that explains one."""
