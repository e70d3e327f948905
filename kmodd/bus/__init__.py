"""org.kmodd1 on D-Bus: a hardened connection, the tables of members, and their dispatch."""
