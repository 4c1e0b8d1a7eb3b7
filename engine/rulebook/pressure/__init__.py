"""Contact pressure as a book writes it."""
