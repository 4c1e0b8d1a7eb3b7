"""Builds messages of the contract from plain Python values, for clients, context files and scenarios."""
