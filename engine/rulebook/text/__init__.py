"""From files to plain data, with the place of each value: the one part that knows YAML."""
