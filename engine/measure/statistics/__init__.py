"""Statistics on sufficient statistics: pure functions, the person as the unit, numpy and scipy.special beneath."""
