"""Attributes: what a book derives from the customer, their events and the clock."""
