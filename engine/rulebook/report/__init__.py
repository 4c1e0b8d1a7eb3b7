"""Diagnostics: collecting and printing them."""
