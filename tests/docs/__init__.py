"""The documentation is true: links resolve, examples load, steps run, references are complete."""
