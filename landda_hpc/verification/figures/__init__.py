"""Figures of scores, images and stations."""
