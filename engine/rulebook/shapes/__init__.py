"""The shapes of sections: keys and kinds of values."""
