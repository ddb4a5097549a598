"""Experiments with the land model alone: single sites, spin-up, climate, memory, speed."""
