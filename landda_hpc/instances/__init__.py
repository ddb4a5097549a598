"""Model instances of a campaign: where it happens, the models that it runs, their initial states and weather."""
