"""The book as plain frozen values."""
