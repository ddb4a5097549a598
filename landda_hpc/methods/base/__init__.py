"""Base classes of the sections of methods and error models, and the context in which they are built."""
