"""Model instances of a campaign: domain, models, initial states and weather."""
