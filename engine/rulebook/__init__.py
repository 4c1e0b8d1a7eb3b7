"""The rulebook: YAML files in, a checked book or diagnostics out."""
