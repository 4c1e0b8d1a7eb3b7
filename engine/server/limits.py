"""How much a request may bring."""

LONGEST_TEXT = 4096
"""Bytes of UTF-8 in one text value."""
LONGEST_NAME = 200
"""Characters in an id, a purpose or a channel's name."""
MOST_ATTRIBUTES = 500
MOST_LIST_ENTRIES = 1000
MOST_EVENTS = 5000
"""Events of one request."""
MOST_NAMES = 100
"""Consents, preferred channels, channels."""
MOST_BATCHED = 1000
MOST_RECORDED = 1000
"""Events of one Record."""
LARGEST_EVENT = 16 * 1024
"""Bytes of the fields of one event that is recorded."""
LARGEST_MESSAGE = 16 * 1024 * 1024
"""Bytes of one message; a batch of 1,000 ordinary requests has about 1 MB."""
