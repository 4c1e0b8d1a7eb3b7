"""The condition index: which of many conditions hold, without evaluating each."""
