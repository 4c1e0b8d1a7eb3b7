"""What is said: texts by channel and language, with placeholders."""
