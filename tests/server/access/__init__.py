"""Who may call, over what, how much."""
