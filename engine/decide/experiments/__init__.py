"""Experiments: holdouts, controls, slots, ramps, variants and learning, drawn by stable hashes."""
