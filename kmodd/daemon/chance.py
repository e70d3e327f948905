"""Chance, to spread what would otherwise happen at once; ``random`` would take 2 ms of every start."""

import os


def chance() -> float:
    """Any number in [0, 1)."""
    return int.from_bytes(os.urandom(4), "big") / 2**32
