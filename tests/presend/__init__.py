"""Sends to a population, on real logs."""
