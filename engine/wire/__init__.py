"""Between the gRPC contract and the model: parsing requests, writing responses."""
