"""``make picture``: packaging/doc/status.svg, the picture in the README, from a session in a machine."""

import sys
from collections.abc import Iterator

from tests.support.guest.daemon_bus import Bus
from tests.support.terminal_picture import drawn
from tests.support.uml.machine import Machine
from tests.support.uml.process import REPOSITORY
from tests.support.uml.screen import Screen

PICTURE = REPOSITORY / "packaging/doc/status.svg"
_FILE = "/etc/kmodd.d/host.toml"
_TEXT = """\
[module.dummy]
parameters = { numdummies = 3 }

[module.f2fs]
state = "denied"

[module.loop]
parameters = { max_loop = 64 }
on_parameter_change = "reload"

[module.st]
when.device = { modalias = "scsi:t-0x01*" }
"""
_BEFORE: tuple[tuple[str, ...], ...] = (
    ("modprobe", "loop"),
    ("truncate", "--size", "4M", "/root/disk.img"),
    ("mkfs.ext4", "-q", "/root/disk.img"),
    ("mount", "/root/disk.img", "/mnt"),
)
_SESSION = (("cat", _FILE), ("kmoddctl", "status", "--all"))
_ENVIRONMENT = {"TERM": "xterm", "LC_ALL": "C.UTF-8"}
_COLUMNS = 104


def session(vm: Machine) -> Iterator[str]:
    """Lines of a terminal: somebody uses loop, which is to be loaded otherwise."""
    for command in _BEFORE:
        vm.run(*command).check()
    vm.write(_FILE, _TEXT)
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("dummy", "in-sync")
    bus.wait_for_condition("loop", "reload-pending")
    bus.wait_for_message("loop", "/mnt")
    for number, command in enumerate(_SESSION):
        yield from ("",) if number else ()
        yield f"$ {' '.join(command)}"
        yield from Screen(vm, *command, columns=_COLUMNS, environment=_ENVIRONMENT).finish()[1].splitlines()


def main() -> int:
    """Write the file."""
    with Machine.boot() as vm:
        PICTURE.write_text(drawn("kmoddctl status in a terminal", session(vm)))
        vm.reset()
    return 0


if __name__ == "__main__":
    sys.exit(main())
