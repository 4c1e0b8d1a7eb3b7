"""Conditions as books write them."""
