"""What a server shows of itself."""
