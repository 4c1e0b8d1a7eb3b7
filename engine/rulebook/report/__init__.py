"""What is found wrong with a book, and how it is printed."""
