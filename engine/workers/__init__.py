"""Several server processes on one port and one log, and a supervisor that watches them from outside."""
