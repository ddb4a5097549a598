"""Batch jobs: scripts for Slurm and PBS that run a campaign in legs, and their submission."""
