"""kmodd: the kernel modules of a machine, kept as files declare them."""

__version__ = "0.1.0"
