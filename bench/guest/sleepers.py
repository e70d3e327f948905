"""Modules whose init sleeps, as that of a driver that waits for its hardware does; copies of the tests'."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.guest import modules
from bench.guest.insertion import Insertion

SLEEP_MS = 100
_SLEEPER, _USER = "kmodd_sleep", "kmodd_user"
_EACH = 5
"""One in so many needs another one, which sleeps instead of it."""

_CONF = Path("/etc/modprobe.d/bench-sleepers.conf")


def sleepers(count: int) -> Insertion:
    """``count`` modules with a name each, put into the module tree, with those that some of them need."""
    sleeping = tuple(f"kmodd_sl{number:03}" for number in range(count))
    needed, alone = sleeping[: count // _EACH], sleeping[count // _EACH :]
    users = tuple(f"kmodd_us{number:02}" for number in range(len(needed)))
    for name in sleeping:
        _copy(_SLEEPER, {_SLEEPER: name})
    for name, need in zip(users, needed, strict=True):
        _copy(_USER, {_USER: name, _SLEEPER: need})
    options = dict.fromkeys(sleeping, f"init_ms={SLEEP_MS}")
    _CONF.write_text("".join(f"options {name} {text}\n" for name, text in options.items()))
    subprocess.run(("depmod",), check=True)
    return Insertion((*alone, *users), options)


def _copy(original: str, renamed: Mapping[str, str]) -> None:
    """A module under another name, which is a text of its file as its symbol is, and has to be as long."""
    directory = modules.TREES / os.uname().release / "extra"
    content = (directory / f"{original}.ko").read_bytes()
    for old, new in renamed.items():
        assert len(old) == len(new)
        content = content.replace(old.encode(), new.encode())
    (directory / f"{renamed[original]}.ko").write_bytes(content)
