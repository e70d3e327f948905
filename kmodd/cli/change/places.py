"""Where the files are that kmoddctl itself reads and writes; tests put them elsewhere."""

from kmodd.config.paths import ConfigPaths

CONFIG = ConfigPaths()
