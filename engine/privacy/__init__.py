"""A person's rights: what is held of them, in full and in plain words."""
