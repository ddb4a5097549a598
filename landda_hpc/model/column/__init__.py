"""The embedded land model, soil water alone or complete: tiles, parameters, initial states and the models."""
