"""Learning which variant does best: pure functions of what was shown and what came of it."""
