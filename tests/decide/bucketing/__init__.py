"""Chance by hashes: what other languages reproduce, and that it is fair."""
