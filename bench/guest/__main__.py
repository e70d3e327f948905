"""Inside the guest: ``python -m bench.guest measure NAME ROUNDS``, ``report NAME`` or ``copy``; prints."""

import sys

from bench.documents import finding_to_json
from bench.guest.copy import pack
from bench.guest.place import require_guest
from bench.measurement import Measurement
from bench.measurements.no_op_pass import declare
from bench.registry import MEASUREMENTS, REPORTS


def main(verb: str, name: str = "", rounds: str = "0") -> None:
    """Do one thing and print what came of it."""
    if verb == "measure":
        rows = {each.name: each for each in MEASUREMENTS if isinstance(each, Measurement)}
        print(finding_to_json(rows[name].measure(int(rounds))))
    elif verb == "report":
        print(REPORTS[name](), end="")
    else:
        declare()
        print(pack())


if __name__ == "__main__":
    require_guest()
    main(*sys.argv[1:])
