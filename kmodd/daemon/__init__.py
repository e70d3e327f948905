"""The shell around the core: gathers events, runs passes, publishes what was read back."""
