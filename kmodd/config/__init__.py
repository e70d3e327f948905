"""The configuration language: layered files, their schema, and the child that compiles them."""
