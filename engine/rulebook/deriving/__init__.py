"""What a book derives: patterns, signals, places, and the events that it keeps."""
