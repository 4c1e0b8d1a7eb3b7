"""The rulebook: what marketers write, as a model, and how it is read and checked."""
