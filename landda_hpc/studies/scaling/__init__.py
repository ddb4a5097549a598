"""Scaling of a campaign with the number of ranks: runs, layouts, a fitted model, bars and recommendations."""
