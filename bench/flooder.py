"""A client that sends calls and reads no answer: ``python -m bench.flooder ADDRESS MEMBER``."""

import sys

from bench.asker import GET_MANAGED_OBJECTS, LIST_MODULES, PLAN, Asker

TARGETS = {target[3]: target for target in (LIST_MODULES, GET_MANAGED_OBJECTS, PLAN)}
_BATCH = 100


def main(address: str, member: str) -> None:
    """Flood; says so once the first calls have been taken."""
    with Asker(address) as asker:
        asker.flood(TARGETS[member], _BATCH)
        print("flooding", flush=True)
        while True:
            asker.flood(TARGETS[member], _BATCH)


if __name__ == "__main__":
    main(*sys.argv[1:])
