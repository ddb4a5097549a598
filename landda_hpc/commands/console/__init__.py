"""Shared parts of the commands: options, logging, error messages."""
