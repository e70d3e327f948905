"""The recipes, and the first file of the README, carried out: files, commands, and what they print."""

import re
from collections.abc import Callable, Mapping

import pytest

from tests.support.recipes import Act, Command, File, Step, first_file, is_as_printed, recipes, standing_in
from tests.support.uml.machine import Machine
from tests.support.uml.screen import PATH, Screen

_ENVIRONMENT = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
_QUESTION = re.compile(r"^keep\? .*\) (\w?)$")

_ACTS: Mapping[str, Callable[[Machine], None]] = {
    "plug a disk in": Machine.plug_scsi,
    "pull it out": Machine.unplug_scsi,
}

_STAND_INS: Mapping[str, Mapping[str, str]] = {
    # No PCI on User Mode Linux. A list that the kernel takes, and two modules that others load.
    "Keep a PCI device for virtual machines": {
        '"10de:2684", "10de:22ba"': "2121, 2122",
        "10de:2684,10de:22ba": "2121,2122",
        "vfio_pci": "nf_conntrack_ftp",
        "ids": "ports",
        "nouveau": "ifb",
        "snd_hda_intel": "dummy",
    },
    # Not part of Linux. A number that can be written while the module is in use.
    "Limit the memory of ZFS while it runs": {
        "8_589_934_592": "5",
        "8589934592": "5",
        "1073741824": "9",
        "17179869184": "3",
        "zfs_arc_max": "delay",
        "zfs": "scsi_debug",
    },
    # No sound there. A list that is taken at the load only.
    "Have sound cards in the same order after every boot": {
        '"snd_usb_audio", "snd_hda_intel"': "6667, 6668",
        "snd_usb_audio,snd_hda_intel": "6667,6668",
        "slots": "ports",
        "snd": "nf_conntrack_irc",
    },
    # No Wi-Fi there. A parameter that is taken at the load only.
    "Try a parameter of the network card that you are connected through": {
        "power_save = false": "numifbs = 4",
        "power_save=N": "numifbs=4",
        "iwlwifi": "ifb",
    },
    # No PCI there.
    "Run the vendor's driver in the place of the kernel's": {"nvidia": "ifb", "nouveau": "dummy"},
}
"""What a machine without that hardware has instead, and why it shows the same."""


_ALL = {**first_file(), **recipes()}


@pytest.mark.parametrize("title", _ALL)
def test_recipe(vm: Machine, title: str) -> None:
    names = _STAND_INS.get(title, {})
    vm.run("/bin/mkdir", "-p", "/image/lib").check()
    vm.link("/image/lib/modules", "/lib/modules")  # what "image" is in the last recipe
    vm.start_daemon()
    for step in _ALL[title]:
        _carry_out(vm, standing_in(step, names), aligned=not names)


def test_stand_ins_are_for_recipes_that_there_are() -> None:
    assert _STAND_INS.keys() <= recipes().keys()
    done = {step.what for steps in recipes().values() for step in steps if isinstance(step, Act)}
    assert done == _ACTS.keys()


def _carry_out(vm: Machine, step: Step, *, aligned: bool) -> None:
    if isinstance(step, File):
        vm.write(f"/{step.path.removeprefix('/')}", step.text)
        _settled(vm)
    elif isinstance(step, Act):
        _ACTS[step.what](vm)
        vm.settle()
        _settled(vm)
    else:
        printed = _printed(vm, step)
        assert is_as_printed(step.output, printed, aligned=aligned), f"$ {step.line}\n{printed}"


def _settled(vm: Machine) -> None:
    """A person looks a moment later."""
    for command in ("reload", "reconcile"):
        vm.run("/bin/sh", "-c", f"kmoddctl {command}", environment=_ENVIRONMENT)


def _printed(vm: Machine, command: Command) -> str:
    line = command.line.replace("sudo ", "")
    answers = [found[1] for found in map(_QUESTION.match, command.output) if found]
    if not answers:
        done = vm.run("/bin/sh", "-c", f"exec 2>&1; {line}", environment=_ENVIRONMENT)
        return done.stdout
    screen = Screen(vm, *line.split(), environment=_ENVIRONMENT)
    for answer in answers:
        screen.wait_for(r"keep\?.*\) ")
        screen.press(f"{answer}\n")
    return screen.finish()[1]
