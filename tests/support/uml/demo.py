"""``make run``: kmodd at work on a real kernel, step by step, then a shell beside it."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.guest.channel import GuestError, MachineLost
from tests.support.guest.conditions import module_live, parameter_is
from tests.support.guest.machine import CONFIGURATION_DIRECTORY
from tests.support.uml.machine import KMODD, Machine
from tests.support.uml.process import REPOSITORY
from tests.support.uml.terminal import leave_in_shell

EXAMPLES = REPOSITORY / "etc/kmodd.d"
MANAGER = ("org.kmodd1", "/org/kmodd1", "org.kmodd1.Manager")
DENIED = ("org.kmodd1", "/org/kmodd1/module/f2fs", "org.kmodd1.Module")

DROPPED = "10-dummy.toml"
DISK_FILE = "30-scsi-disk.toml"

TO_TRY = (
    "kmoddctl status",
    "rmmod dummy; sleep 1; kmoddctl status dummy",
    "echo '[module.loop]' > /etc/kmodd.d/50-loop.toml; sleep 3; kmoddctl list",
    "kmoddctl explain ip_vs_wrr",
    "modprobe f2fs; kmoddctl status f2fs; cat /etc/modprobe.d/00-kmodd.conf",
    "busctl introspect org.kmodd1 /org/kmodd1/module/dummy",
)


class StepFailed(Exception):
    """What was to be seen was not."""


def start_kmodd(vm: Machine) -> str:
    """The example files are there when kmodd starts, all but the one that is dropped later."""
    examples = {path.name.removesuffix(".example"): path.read_bytes() for path in _examples()}
    _require(examples.pop(DROPPED, None) is not None, f"no {DROPPED}.example in {EXAMPLES}")
    for name, content in examples.items():
        vm.drop(name, content)
    vm.start_daemon()
    vm.busctl("call", *MANAGER, "Reconcile").check()
    return f"kmodd runs, on the example files {' '.join(examples)}"


def drop_a_file(vm: Machine) -> str:
    """A file alone brings a module in, with its parameter."""
    _require("dummy" not in vm.modules(), "dummy was there before")
    text = (EXAMPLES / f"{DROPPED}.example").read_text()
    vm.drop(DROPPED, text)
    vm.wait_for(module_live("dummy"))
    interfaces = [name for name in vm.names_in("/sys/class/net") if name.startswith("dummy")]
    _require(len(interfaces) == 3, f"three interfaces expected, found {interfaces}")
    return f"a file dropped; dummy is in, with {' '.join(interfaces)}\n{_shown(DROPPED, text)}"


def ask_on_the_bus(vm: Machine) -> str:
    """Every managed module, as busctl gives it."""
    vm.busctl("call", *MANAGER, "Reconcile").check()  # dummy has only just come
    answer = vm.busctl("--json=short", "call", *MANAGER, "ListModules").check().stdout
    rows = json.loads(answer)["data"][0]
    _require("dummy" in [row[0] for row in rows], f"dummy is not among {rows}")
    table = [f"        {name:<16}{desired:<10}{state:<12}{code}" for name, desired, state, code, _ in rows]
    return "\n".join(["busctl asked org.kmodd1 for ListModules:", *table])


def plug_a_disk(vm: Machine) -> str:
    """A device brings the module in that a file declares for such devices."""
    text = (EXAMPLES / f"{DISK_FILE}.example").read_text()
    _require("dm_multipath" not in vm.modules(), "dm_multipath was there before the disk")
    vm.plug_scsi()
    vm.wait_for(module_live("dm_multipath"))
    return f"a SCSI disk plugged in; dm_multipath followed it\n{_shown(DISK_FILE, text)}"


def remove_a_module(vm: Machine) -> str:
    """A module that somebody removes comes back."""
    seen = len(vm.module_events())
    vm.run("rmmod", "dummy").check()
    vm.wait_for(module_live("dummy"))
    events = [event.action for event in vm.module_events(since=seen) if event.module == "dummy"]
    _require(events == ["remove", "add"], f"the kernel told of {events}")
    return "dummy removed with rmmod, behind kmodd's back; it is in again"


def write_a_parameter(vm: Machine) -> str:
    """A parameter that somebody writes is put right: inotify tells of it."""
    vm.set_parameter("scsi_debug", "delay", "9")
    vm.wait_for(parameter_is("scsi_debug", "delay", "5"))
    return "scsi_debug's delay written from outside; it is 5 again, as declared"


def try_a_denied_module(vm: Machine) -> str:
    """Nobody loads what is denied, by name or by alias."""
    for name in ("f2fs", "fs-f2fs"):
        vm.run("modprobe", name)
        _require("f2fs" not in vm.modules(), f"modprobe {name} brought f2fs in")
    answer = vm.busctl("--json=short", "get-property", *DENIED, "Message").check().stdout
    return f"modprobe cannot load f2fs, which is denied: {json.loads(answer)['data']}"


STEPS: tuple[Callable[[Machine], str], ...] = (
    start_kmodd,
    drop_a_file,
    ask_on_the_bus,
    plug_a_disk,
    remove_a_module,
    write_a_parameter,
    try_a_denied_module,
)


def main() -> int:
    """Exit status: 0 when every step showed what it had to."""
    began_s = time.monotonic()
    _say("booting a User Mode Linux kernel: a process of yours, which changes nothing outside itself ...")
    try:
        with Machine.boot() as vm:
            release = vm.run("uname", "-r").check().stdout.strip()
            _say(f"  ✓ Linux {release} with udevd and D-Bus, after {time.monotonic() - began_s:.0f} s")
            failed = not all(_show(step, vm) for step in STEPS)
            if not failed and sys.stdin.isatty() and sys.stdout.isatty():
                _hand_over(vm)
    except (AssertionError, MachineLost, FileNotFoundError) as error:
        _say(f"  ✗ {error}")
        return 1
    _say("a step failed" if failed else f"all {len(STEPS)} steps as they have to be; the machine is gone")
    return int(failed)


def _show(step: Callable[[Machine], str], vm: Machine) -> bool:
    """Do one step and print what came of it."""
    try:
        _say(f"  ✓ {step(vm)}")
    except (StepFailed, AssertionError, GuestError) as error:
        _say(f"  ✗ {step.__name__.replace('_', ' ')}: {error}")
        return False
    return True


def _hand_over(vm: Machine) -> None:
    """Leave the person in a shell in there."""
    _say("\nA shell in that machine; `exit` ends it. To try:\n")
    _say("\n".join(f"    {command}" for command in TO_TRY) + "\n")
    term = os.environ.get("TERM", "linux")
    path = f"{Path(KMODD).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    leave_in_shell(vm, {"TERM": term, "PS1": r"\u@\h:\w\$ ", "SYSTEMD_PAGER": "", "PATH": path})


def _examples() -> list[Path]:
    return sorted(EXAMPLES.glob("*.toml.example"))


def _shown(name: str, text: str) -> str:
    """A file as it is to be seen on the screen."""
    entries = [line for line in text.splitlines() if line and not line.startswith("#")]
    return "\n".join(f"        {line}" for line in (f"# {CONFIGURATION_DIRECTORY}/{name}", *entries))


def _require(holds: bool, complaint: str) -> None:
    if not holds:
        raise StepFailed(complaint)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
