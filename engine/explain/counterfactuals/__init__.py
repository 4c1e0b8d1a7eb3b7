"""Counterfactuals: single changes that would bring a campaign further, found by deciding again."""
