"""Several worker processes on one port, under one supervisor."""
