"""What starting the daemon imports, beyond asyncio itself: nothing that costs more than it is worth."""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from kmodd import __version__

_SCRIPT = """
import asyncio, sys
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
import kmodd.daemon.app
heavy = {"dataclasses", "inspect", "pydantic", "tomli", "_hashlib", "random", "argparse", "ctypes.util"}
heavy |= {"dbus_next.signature", "importlib.util", "pyudev", "datetime"}
print(*sorted(heavy & (sys.modules.keys() - before)))
"""

_LATER = """
import sys
sys.path.insert(0, sys.argv[1])
import kmodd.daemon.app
import asyncio, os, signal
from kmodd.daemon.signals import Signals

async def hear():
    heard = asyncio.Event()
    signals = Signals({signal.SIGHUP: heard.set})
    os.kill(os.getpid(), signal.SIGHUP)
    await heard.wait()
    signals.close()

asyncio.run(hear())
later = {"ssl", "inspect", "kmodd.kernel.process", "kmodd.kernel.wire", "kmodd.daemon.examiner"}
later |= {"kmodd.bus.introspection", "kmodd.kernel.pstore", "kmodd.bus.service", "kmodd.bus.interfaces"}
later |= {"kmodd.daemon.facade", "kmodd.daemon.roles", "kmodd.events.roles", "kmodd.kernel.ports"}
core = "denial diagnose judgement kernel_lines ladder load_failure parameter_types permission reload removals"
later |= {f"kmodd.core.{name}" for name in (*core.split(), "users", "way_back")}
print(*sorted(later & sys.modules.keys()))
print(asyncio.coroutines.iscoroutinefunction(hear), "inspect" in sys.modules)
"""

_REST = """
import sys
sys.path.insert(0, sys.argv[1])
from kmodd.daemon.later import import_rest
import_rest()
print(*sorted(name for name in sys.modules if name.startswith("kmodd.")))
"""
_DEFERRED = re.compile(r"^ +from (kmodd\S+) import .*\blater\.py\)$", re.MULTILINE)


async def _printed(script: str) -> list[str]:
    """The lines that a program prints."""
    root = str(Path(__file__).parents[2])
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", script, root, stdout=PIPE)
    output, _ = await child.communicate()
    return output.decode().split("\n")


def test_the_daemon_imports_nothing_heavy() -> None:
    assert asyncio.run(_printed(_SCRIPT)) == ["", ""]


def test_what_is_not_needed_for_a_start_is_imported_when_it_is() -> None:
    assert asyncio.run(_printed(_LATER)) == ["", "True True", ""]


def test_all_that_is_put_off_is_at_hand_soon_after_the_start() -> None:
    files = (Path(__file__).parents[2] / "kmodd").rglob("*.py")
    deferred = {name for file in files for name in _DEFERRED.findall(file.read_text())}
    assert len(deferred) > 3
    assert deferred <= {*asyncio.run(_printed(_REST))[0].split()}


@pytest.mark.parametrize(
    ("argument", "status", "said"),
    [("--version", 0, f"kmodd {__version__}"), ("--help", 0, "--once"), ("--twice", 2, "--twice")],
)
def test_a_command_line_is_read_where_there_is_one(argument: str, status: int, said: str) -> None:
    async def scenario() -> tuple[int | None, bytes]:
        program = "import sys; from kmodd.daemon.app import main; sys.exit(main())"
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, argument, stdout=PIPE, stderr=STDOUT
        )
        output, _ = await child.communicate()
        return child.returncode, output

    found, output = asyncio.run(scenario())
    assert found == status
    assert said in output.decode()
