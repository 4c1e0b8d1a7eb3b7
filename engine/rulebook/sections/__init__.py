"""The sections of a book, each read into the model."""
