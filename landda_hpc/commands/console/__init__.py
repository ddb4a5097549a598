"""What the commands share at the terminal: options, logging, error messages."""
