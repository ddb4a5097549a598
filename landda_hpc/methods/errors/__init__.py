"""Error models as a configuration names them: one module each, with its section and how it is built."""
