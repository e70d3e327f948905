"""How garbage is collected in the daemon (gc in the Python Library Reference)."""

import gc
from typing import Final

_NEW_OBJECTS: Final = 20_000
"""So many are made before anybody looks for garbage among them: a plan of thousands of modules is all in use,
and what only cycles keep is little in a daemon (a few MB at the very most)."""


def settle() -> None:
    """What was imported stays, and no collection need look through it again; from now on there are some."""
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 5, 5)
    gc.enable()
