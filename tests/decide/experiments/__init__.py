"""Experiments: bucketing, holdouts, controls, layers, ramps and learning."""
