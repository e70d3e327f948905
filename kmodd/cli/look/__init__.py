"""Commands that only ask the daemon: how it and its modules stand, why, and what it would do."""
