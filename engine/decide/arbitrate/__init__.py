"""Arbitration: ranks the eligible campaigns and lists the channels to try for each."""
