"""The real Common Land Model: its files, its processes, its restarts (docs/colm.md)."""
