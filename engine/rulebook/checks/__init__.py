"""Checks across sections of a book that has been read."""
