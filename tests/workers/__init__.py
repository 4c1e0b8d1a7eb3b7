"""Several worker processes under a supervisor."""
