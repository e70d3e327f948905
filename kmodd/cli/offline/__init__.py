"""Commands that need no daemon: they read files and a module tree, this machine's or another's."""
