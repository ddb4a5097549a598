"""Analyses of an ensemble of model states: in coefficient space, in grid space, and around the ensemble mean."""
