"""The gRPC contract; everything in it is generated from protos/ by `make generate`."""
