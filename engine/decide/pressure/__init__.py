"""Contact pressure: caps, gaps, quiet hours, pauses, quotas and consent, with the next allowed moment."""
