"""Tests of the stage that derives attributes."""
