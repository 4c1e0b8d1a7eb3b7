"""All SQL of the ledger, by subject: each statement a constant with a line that describes it."""
