"""Every target by its name. A function that takes bytes and raises where kmodd does what it must not."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parent / "corpus"
DICTIONARIES = Path(__file__).parent / "dictionaries"

Check = Callable[[bytes], None]


class Target(NamedTuple):
    """``place`` is MODULE:FUNCTION below tests.fuzz.targets, ``longest`` what libFuzzer makes at most."""

    place: str
    what: str
    longest: int = 4096
    dictionary: str = ""

    def load(self) -> Check:
        """The function; what it needs of kmodd is imported now, so that it can be instrumented."""
        module, _, name = self.place.partition(":")
        check: Check = getattr(import_module(f"tests.fuzz.targets.{module}"), name)
        return check


TARGETS: dict[str, Target] = {
    "drop-in": Target("config:drop_in", "a file of kmodd.d(5), up to the lines in modprobe.d", 4096, "toml"),
    "settings": Target("config:settings", "kmodd.toml(5)", 2048, "toml"),
    "drop-ins": Target("config:drop_ins", "several files that must not contradict", 4096, "toml"),
    "compiler": Target(
        "compiler:generations", "two states of the directories, one after the other", 3000, "toml"
    ),
    "catalog": Target("state:catalog", "the cached catalog", 4096, "json"),
    "last-good": Target("state:last_good", "the last good versions", 4096, "json"),
    "inventory": Target("state:inventory", "the cached inventory", 4096, "json"),
    "loads": Target("state:loads", "the memory of this boot", 4096, "json"),
    "record": Target("initramfs:record", "the record of an initramfs", 4096, "json"),
    "image": Target("initramfs:image", "an initramfs", 4096),
    "modules": Target("kernel:modules", "/proc/modules", 2048),
    "command-line": Target("kernel:command_line", "/proc/cmdline, and the conditions on it", 2048),
    "users": Target("kernel:users", "mountinfo, swaps, devices and protocols of /proc", 4096),
    "kallsyms": Target("kernel:kallsyms", "/proc/kallsyms", 2048),
    "kmsg": Target("kernel:kmsg", "a record of /dev/kmsg", 1024),
    "modprobe-d": Target("kernel:modprobe_d", "a file of modprobe.d(5)", 2048, "modprobe-d"),
    "libkmod": Target("kernel:libkmod", "the same, held against libkmod", 2048, "modprobe-d"),
    "module-file": Target("kernel:module_file", "modinfo and the indexes of the module tree", 2048),
    "loader": Target("kernel:loader", "packets and arguments of the loader", 2048, "json"),
    "parameters": Target("parameters:values", "values of parameters, wanted and found", 1024),
    "options": Target("parameters:options", "options as modprobe.d and finit_module(2) have them", 1024),
    "names": Target("parameters:names", "names and texts from anywhere", 512),
    "stream": Target("bus:stream", "the bytes of a bus, cut into messages", 4096),
    "message": Target("bus:message", "one message, header and body", 2048, "bus"),
    "signature": Target("bus:signature", "a signature of D-Bus", 300, "bus"),
    "call": Target("bus:call", "a call to the objects of kmodd", 2048, "bus"),
    "override": Target("overrides:override", "arguments of SetOverride, up to the file", 2048, "bus"),
    "answer": Target("bus:answer", "what kmoddctl is answered, up to its lines", 2048, "bus"),
    "environment": Target("surroundings:environment", "addresses, variables, the bus's first line", 512),
    "log": Target("surroundings:log", "a line of the log on its way to the journal", 1024),
    "uevent": Target("surroundings:uevent", "uevents, inotify events and matches of devices", 1024),
}
