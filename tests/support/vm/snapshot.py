"""A machine that stands still: its memory and its disk, from which any number of machines go on."""

import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.support.guest.channel import MachineLost
from tests.support.vm.boot import Boot
from tests.support.vm.qmp import Event, Qmp

_TIMEOUT_S = 120.0
_UNLIMITED = 1 << 40
_EVENTS = {"capabilities": [{"capability": "events", "state": True}]}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Files of a machine that was booted as ``boot``."""

    directory: Path
    boot: Boot

    @property
    def memory(self) -> Path:
        """Memory, processors and devices, as QEMU's migration writes them."""
        return self.directory / "memory"

    @property
    def disk(self) -> Path:
        """What the machine had written, over the disk of its image."""
        return self.directory / "disk.qcow2"


def save(qmp: Qmp, disk: Path, snapshot: Snapshot) -> None:
    """Keep a machine, which stands still from here on; its ``disk`` is moved."""
    qmp.execute("stop")
    qmp.execute("migrate-set-parameters", {"max-bandwidth": _UNLIMITED})
    _carry_over(qmp, "migrate", f"cat > {shlex.quote(str(snapshot.memory))}")
    shutil.move(disk, snapshot.disk)


def restore(qmp: Qmp, snapshot: Snapshot) -> None:
    """Let a machine that waits for a state (``-incoming defer``) go on from there."""
    _carry_over(qmp, "migrate-incoming", f"cat {shlex.quote(str(snapshot.memory))}")
    qmp.execute("cont")


def _carry_over(qmp: Qmp, command: str, program: str) -> None:
    """QEMU runs the program with a shell: every version that Debian has can do that, not so a plain file."""
    qmp.execute("migrate-set-capabilities", _EVENTS)
    since = qmp.mark()
    qmp.execute(command, {"uri": f"exec:{program}"})
    ended = qmp.wait_for(since, _TIMEOUT_S, _has_ended)
    if ended.data["status"] == "failed":
        raise MachineLost(f"QEMU could not carry the memory over with {program}")


def _has_ended(event: Event) -> bool:
    return event.name == "MIGRATION" and event.data["status"] in ("completed", "failed")
