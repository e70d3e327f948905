"""``make test``: every tier, in two lanes side by side.

An emulated machine keeps a processor busy; the other tiers mostly wait for one thing after the other.
Packages and disks, which both need, are made once: whoever comes second waits (packaging/deb/cache.py).
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_PYTEST = (sys.executable, "-m", "pytest")
_EMULATED = Path(__file__).parent / "vm"


def main(arguments: Sequence[str]) -> int:
    """The worse one of two exit statuses of pytest; with ``arguments`` there is one run, of just that."""
    if arguments:
        return subprocess.run([*_PYTEST, *arguments], check=False).returncode
    with tempfile.TemporaryFile() as said:
        aside = subprocess.Popen([*_PYTEST, "-p", "no:cacheprovider", _EMULATED], stdout=said, stderr=said)
        try:
            here = subprocess.run([*_PYTEST, f"--ignore={_EMULATED}"], check=False).returncode
        finally:
            there = aside.wait()
            said.seek(0)
            shutil.copyfileobj(said, sys.stdout.buffer)
            sys.stdout.flush()
    return max(here, there)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
