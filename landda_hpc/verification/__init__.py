"""Scores of images and series, score tables, maps and figures; serial, on whole images."""
