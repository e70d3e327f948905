"""What starting the daemon imports, beyond asyncio itself: nothing that costs more than it is worth."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

_SCRIPT = """
import asyncio, sys
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
import kmodd.daemon.app
heavy = {"dataclasses", "inspect", "pydantic", "tomli", "_hashlib", "random", "argparse", "ctypes.util"}
print(*sorted(heavy & (sys.modules.keys() - before)))
"""


def test_the_daemon_imports_nothing_heavy() -> None:
    async def scenario() -> bytes:
        root = str(Path(__file__).parents[2])
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", _SCRIPT, root, stdout=PIPE)
        output, _ = await child.communicate()
        return output

    assert asyncio.run(scenario()) == b"\n"
