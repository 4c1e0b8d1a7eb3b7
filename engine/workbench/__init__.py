"""What the console has done with books in child processes; it loads nothing of the console, so that a child starts soon."""
