"""Files of a campaign on disk: checkpoints, restart files, CF images, and the campaign folder itself."""
