"""What a campaign leaves on disk: checkpoints, restart files, CF images, and the campaign folder itself."""
