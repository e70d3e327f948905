"""What is preloaded into the UML process, built once by the machine's own compiler (see xstate.c)."""

import hashlib
import os
import platform
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("xstate.c")
_CACHE = Path(__file__).resolve().parents[3] / ".cache/uml"
_FLAGS = ("-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror")


def environment() -> dict[str, str]:
    """Environment of a UML process; only x86-64 has a register state that outgrew that kernel."""
    variables = {"PATH": os.environ["PATH"]}
    return {**variables, "LD_PRELOAD": str(_library())} if platform.machine() == "x86_64" else variables


def _library() -> Path:
    """The shared object of this very source; whoever builds it at the same time builds the same."""
    path = _CACHE / f"xstate-{hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]}.so"
    if not path.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        subprocess.run(["gcc", *_FLAGS, "-o", str(unfinished), str(_SOURCE)], check=True)
        unfinished.rename(path)
    return path
