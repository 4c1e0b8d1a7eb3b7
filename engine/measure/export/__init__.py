"""Exports a decision log as Parquet files by month, for analysis with any tool."""
