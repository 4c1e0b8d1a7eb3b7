"""The container: what can be held without building it."""
