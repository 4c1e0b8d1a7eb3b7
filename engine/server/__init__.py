"""The gRPC server: it translates, and decides nothing itself."""
