"""Scores, their intervals, and the matching of values in space and time."""
