"""The configuration language: layers of files, the schema, and the compiler child that turns them into a catalog."""
