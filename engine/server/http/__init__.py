"""The contract over HTTP: JSON for everybody, and the unary calls of the Connect protocol."""
