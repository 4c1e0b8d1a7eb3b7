"""Tests of populations: columns against the engine's own functions, one customer at a time."""
