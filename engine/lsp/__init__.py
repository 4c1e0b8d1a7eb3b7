"""The language server: what `authoring` knows, in the protocol that editors speak."""
