"""Access control: callers, roles, rate limits, TLS."""
