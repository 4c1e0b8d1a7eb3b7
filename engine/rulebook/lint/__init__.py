"""Linting: rules of a sound book that are dead, shadowed, or probably not meant."""
