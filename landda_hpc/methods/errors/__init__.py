"""Error models of the configuration: one module each, with its section and its ``build`` function."""
