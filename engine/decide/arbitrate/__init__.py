"""Arbitration: ranks the eligible campaigns, lists the channels to try, and draws variants."""
