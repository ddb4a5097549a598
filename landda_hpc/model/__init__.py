"""Land models and their weather: the protocol, the embedded column model, forcing."""
