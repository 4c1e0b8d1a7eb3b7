"""The trial: what may happen to a server at night is done to a real one, and what came of it is said plainly.

`python -m trial` runs every trial, prints a table, and writes a report with pictures below build/. Each module with a function
`run` is one trial; `watch` and `offer` are what they share, `report` and `pictures` what shows it.
"""
