"""The daemon over the bus: a connection, its questions and answers, and what it tells by itself."""
