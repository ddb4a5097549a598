"""The experiments, figures and tables of the two papers, with their published numbers."""
