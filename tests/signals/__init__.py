"""Tests of engine.signals."""
