"""Signals: conclusions inferred from attributes, patterns and other signals, stratum by stratum.

`strata` orders signals, `compile` brings them to rules, `infer` says which hold and why, `evaluator` chooses who
evaluates: `kernel` (durable-rules, fenced off) or `naive` (plain Python over the same rules). `probe` tries new rules
in a process that may die of them.
"""
