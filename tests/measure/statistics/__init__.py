"""Statistics on sufficient statistics, against published figures and by simulation."""
