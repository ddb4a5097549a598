"""The embedded land model, water alone or all of it: tiles from static fields, parameters, states, the model itself."""
