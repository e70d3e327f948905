"""Inside the guest: ``python -m bench.guest measure NAME ROUNDS`` or ``report NAME``; prints the result."""

import sys

from bench.documents import finding_to_json
from bench.registry import MEASUREMENTS, REPORTS


def main(verb: str, name: str, rounds: str = "0") -> None:
    """Do one thing and print what came of it."""
    if verb == "measure":
        (measurement,) = (each for each in MEASUREMENTS if each.name == name)
        print(finding_to_json(measurement.measure(int(rounds))))
    else:
        print(REPORTS[name](), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
