"""The shapes of sections, by pydantic, and what it has to say about them in words for marketers."""
