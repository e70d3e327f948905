"""Inside of a guest: ``python -m bench.guest MODULE FUNCTION [NUMBER]`` calls it and prints what comes of it.

Only that module is imported: the libraries of all others are not there in every guest.
"""

import sys
from importlib import import_module

from bench.documents import finding_to_json
from bench.guest.place import require_guest


def main(module: str, function: str, *numbers: str) -> None:
    """A text is printed as it is, a finding as JSON."""
    result = getattr(import_module(module), function)(*map(int, numbers))
    print(result if isinstance(result, str) else finding_to_json(result), end="")


if __name__ == "__main__":
    require_guest()
    main(*sys.argv[1:])
