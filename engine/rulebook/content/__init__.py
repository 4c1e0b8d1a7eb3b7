"""Content: texts with placeholders, by channel and language."""
