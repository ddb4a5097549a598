"""Verification: statistics of errors, tables of scores, figures."""
