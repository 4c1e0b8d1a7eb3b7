"""Experiments: holdouts, controls, layers and ramps."""
