"""The console over real HTTP, beside a real server."""
