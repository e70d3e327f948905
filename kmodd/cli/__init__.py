"""kmoddctl: a thin client of the bus, and of the compiler for what needs no daemon."""

INTERRUPTED = 128 + 2
"""Exit status, as a shell reports SIGINT (signal(7)); here, because that may come before all the rest."""
