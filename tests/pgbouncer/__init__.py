"""Servers beside the pooler that `make test-pgbouncer` installs."""
