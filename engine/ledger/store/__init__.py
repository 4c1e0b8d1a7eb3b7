"""The databases: tables, rows, statements, and the two stores that run them."""
