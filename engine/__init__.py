"""Tact: a campaign decision engine. A request goes context, attributes, match, arbitrate, settle."""
