"""Signals: conclusions inferred from attributes, patterns and other signals, stratum by stratum.

`strata` orders signals, `compile` converts them to rules, `infer` says which hold and why, `evaluator` chooses the
evaluator: `kernel` (durable-rules, whose rulesets `rulesets` and `facts` write) or `python_evaluator`, over the same rules.
`certain` reduces rules to what events alone can prove.
"""
