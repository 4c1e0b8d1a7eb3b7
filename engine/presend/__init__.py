"""Sends to a population: decides it by columns, commits it in groups beside running servers, and resumes what was ended."""
