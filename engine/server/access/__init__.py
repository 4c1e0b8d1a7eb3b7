"""Who may call, over what, how much: tokens and certificates, roles, rates, and TLS."""
