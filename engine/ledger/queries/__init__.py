"""All SQL of the ledger, by subject."""
