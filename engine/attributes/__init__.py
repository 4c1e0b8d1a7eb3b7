"""Attributes: what a book derives from a customer's events, location and moment. Pure functions of their arguments."""
