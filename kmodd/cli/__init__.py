"""kmoddctl: a thin client of the bus, and of the compiler for what needs no daemon."""
