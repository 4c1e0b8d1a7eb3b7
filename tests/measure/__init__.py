"""Measuring: exports, attribution, statistics, reports and replays."""
