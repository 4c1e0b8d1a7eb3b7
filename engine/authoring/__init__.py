"""What editors need to know of a book that is being written, without any protocol."""
