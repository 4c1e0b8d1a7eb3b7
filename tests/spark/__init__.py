"""Sends by Spark: make test-spark runs them in environments of their own."""
