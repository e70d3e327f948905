"""Install kmodd in the guest as a package would, instead of as a checkout: ``python -m bench.guest.prepare``.

Everything goes to the guest's overlay, nothing to the machine below it.
"""

import compileall
import shutil
import sys
import sysconfig
from pathlib import Path

import kmodd
from bench.guest import daemon
from bench.guest.place import require_guest

LIBRARIES = ("dbus_next", "pydantic", "pydantic_core", "pyudev", "tomli")
_PROGRAM = Path(__file__).parents[2] / "packaging/programs/kmodd"


def install(site: Path) -> None:
    """Copy kmodd to ``site``, put its program where pip's is, take out hooks of development that every start
    would pay for, compile all.

    Bytecode has to be there beforehand and beside the source: kmodd's children run with ``-I``, which
    ignores PYTHONPYCACHEPREFIX.
    """
    shutil.copytree(Path(kmodd.__file__).parent, site / "kmodd", ignore=shutil.ignore_patterns("__pycache__"))
    program = _PROGRAM.read_text().replace("/usr/bin/python3", sys.executable)
    Path(daemon.KMODD).write_text(program.replace("@pythondir@", str(site)))
    for hook in site.glob("*.pth"):
        hook.unlink()
    for name in ("kmodd", *LIBRARIES):
        if not compileall.compile_dir(site / name, quiet=2):
            sys.exit(f"{name} cannot be compiled")


if __name__ == "__main__":
    require_guest()
    install(Path(sysconfig.get_path("purelib")))
