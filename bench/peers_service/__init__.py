"""What a user would build instead of Tact, as services that keep the same promise."""
