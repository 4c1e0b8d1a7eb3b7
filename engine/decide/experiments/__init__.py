"""Experiments: holdouts, controls, layers, ramps, variants and learning, drawn by stable hashes."""
