"""The trials in their short form, and what tells of them."""
