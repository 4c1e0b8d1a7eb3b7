"""The values that stages hand on: plain, immutable, without behaviour."""
