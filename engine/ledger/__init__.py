"""The ledger: what is kept of persons and decisions, and the transaction that keeps it."""
