"""Settle: in one transaction the first proposal that contact pressure allows is chosen, reserved and logged."""
