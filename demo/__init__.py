"""The demo: 2,469 real households, decided by a real server over gRPC."""
