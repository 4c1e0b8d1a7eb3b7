"""Trials: faults and overloads that a server meets in production, done to a real one.

`python -m trial` runs every trial, prints a table, and writes a report with pictures below build/. Each module with a function
`run` is one trial. The other modules are what trials share.
"""
