"""The embedded water column model: tiles from static fields, parameters, initial states, the model itself."""
