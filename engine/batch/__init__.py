"""Populations: decides many customers at once. Columns propose, and the engine's own code is evaluated once for each class."""
