"""One target under libFuzzer (atheris), in a process of its own.

``python -m tests.fuzz.engine TARGET ARGUMENT...``, the arguments being libFuzzer's.
"""

import logging
import sys
from importlib import import_module

from tests.fuzz.table import TARGETS

_INSTRUMENTED = ("kmodd", "dbus_next", "tests.fuzz.targets", "fnmatch", "difflib")


def main() -> None:
    """Never returns: libFuzzer ends the process, with its own status for what it found."""
    atheris = import_module("atheris")
    name, *arguments = sys.argv[1:]
    with atheris.instrument_imports(include=list(_INSTRUMENTED), enable_loader_override=False):
        check = TARGETS[name].load()
    # What kmodd says of hostile bytes would be all there is to read.
    logging.disable()
    atheris.Setup([sys.argv[0], *arguments], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
