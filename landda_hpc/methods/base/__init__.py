"""What methods and error models are made of: base classes of their sections, and what they are built with."""
