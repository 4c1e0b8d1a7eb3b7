"""One transaction for a group of commands: identity, outcomes, decisions, events, quotas, learning."""
