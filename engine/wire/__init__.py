"""Between the gRPC contract and the model: requests are parsed and checked, responses written."""
