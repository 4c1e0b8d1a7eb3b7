"""The served book: loading, swapping and watching it."""
