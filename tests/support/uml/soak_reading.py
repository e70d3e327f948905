"""Runs in the guest: what the kernel has, what kmodd says after a look, and what the kernel has then; JSON.

The kernel's part is /proc/modules and every parameter that can be read, of the modules that kmodd speaks of.
"""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_CALL = ("busctl", "--json=short", "--timeout=60", "call", "org.kmodd1", "/org/kmodd1")
_OBJECTS = (*_CALL, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
_LOOK = (*_CALL, "org.kmodd1.Manager", "Reconcile")
_MODULE = "org.kmodd1.Module"


def said() -> dict[str, dict[str, object]]:
    """Every property of every module."""
    done = subprocess.run(_OBJECTS, capture_output=True, text=True, check=True)
    objects = json.loads(done.stdout)["data"][0]
    rows = [interfaces[_MODULE] for interfaces in objects.values() if _MODULE in interfaces]
    plain = [{name: value["data"] for name, value in row.items()} for row in rows]
    return {str(row["Name"]): row for row in plain}


def kernel(names: list[str]) -> dict[str, object]:
    """Lines of /proc/modules by name, and parameters of ``names``."""
    lines = [line.split() for line in Path("/proc/modules").read_text().splitlines()]
    modules = {line[0]: [line[4], int(line[2]), _holders(line[3])] for line in lines}
    return {"modules": modules, "parameters": {name: _parameters(name) for name in names}}


def _holders(field: str) -> list[str]:
    """Names but for "-" and the kernel's "[permanent]"."""
    return sorted(name for name in field.split(",") if name not in ("", "-", "[permanent]"))


def _parameters(name: str) -> dict[str, str]:
    found = {}
    for path in sorted(Path(f"/sys/module/{name}/parameters").glob("*")):
        with suppress(OSError):
            found[path.name] = path.read_text().removesuffix("\n")
    return found


def agreed() -> bool:
    """Whether kmodd and the kernel say the same of which modules are in."""
    rows = said()
    modules = {line.split()[0] for line in Path("/proc/modules").read_text().splitlines() if " Live " in line}
    return all((name in modules) == (row["State"] == "loaded") for name, row in rows.items())


def main() -> None:
    """All of it; with an argument only whether both agree."""
    if len(sys.argv) > 1:
        print("agreed" if agreed() else "not yet")
        return
    # Names first, so that all three readings follow each other closely.
    names = sorted(said())
    before = kernel(names)
    # No event tells of a reference: a disk that is still being probed takes one after all else is done.
    # What is the same before and after must have been seen by a look in between.
    subprocess.run(_LOOK, capture_output=True, check=True)
    bus = said()
    print(json.dumps({"before": before, "bus": bus, "after": kernel(names)}))


if __name__ == "__main__":
    main()
