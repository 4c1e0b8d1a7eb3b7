"""From files to plain data with positions."""
