"""The ledger: the decision log and the contacts, in SQL. The only package that knows a database."""
