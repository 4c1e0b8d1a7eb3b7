"""Whose clock and calendar a schedule or a policy goes by."""

from enum import StrEnum


class Clock(StrEnum):
    """Whose clock days and hours are read from."""

    BOOK = "book"
    CUSTOMER = "customer"
