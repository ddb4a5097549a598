"""Analysis methods: increment images from background, observation and errors, as pure functions on local arrays."""
