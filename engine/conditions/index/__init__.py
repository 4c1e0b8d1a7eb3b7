"""The condition index: finds which of many conditions hold without evaluating each. Start with `index`."""
