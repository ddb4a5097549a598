"""Background + observation + errors -> increment image; pure functions on local arrays."""
