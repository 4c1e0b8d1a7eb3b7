"""Measuring: statistics, exports, reports and replays."""
