"""Score records, the tables made of them, and their files."""
