"""Attributes that a book derives from a customer's events, location and clock."""
