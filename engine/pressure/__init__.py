"""Contact pressure as pure functions: history, policies and now give a verdict."""
