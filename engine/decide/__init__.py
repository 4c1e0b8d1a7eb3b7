"""The decision procedure: pure functions of book, request and moment, from attributes to the answer."""
