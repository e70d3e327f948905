"""Where kmoddctl begins: it may be interrupted before the rest of it has been imported."""

import gc
import os
import sys

from kmodd.cli import INTERRUPTED


def main() -> int:
    """The exit status (kmoddctl(1))."""
    # What is imported stays: looking for garbage meanwhile is a twentieth of kmoddctl status.
    gc.disable()
    try:
        from kmodd.cli.main import main as carry_out  # noqa: PLC0415  that is what may be interrupted

        return carry_out()
    except KeyboardInterrupt:
        return INTERRUPTED


def run() -> int:
    """The same as a program of its own, which ends here: to clear everything away is another twentieth."""
    status = main()
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except (OSError, KeyboardInterrupt):
        return status  # the interpreter's own end says what it has to say
    os._exit(status)
