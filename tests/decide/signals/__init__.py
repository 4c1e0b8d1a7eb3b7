"""Tests of engine.decide.signals."""
