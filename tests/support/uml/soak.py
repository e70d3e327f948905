"""A soak: random things done to a machine with kmodd, and whether kmodd ever says what is not so.

What is done is data, drawn from a seed; the same seed draws the same actions.
"""

import json
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from tests.support.guest.calls import GuestProcess
from tests.support.guest.channel import GuestError
from tests.support.guest.conditions import BUS_NAME, CommandPrints, PathExists, bus_name_owned
from tests.support.guest.daemon_bus import MANAGER, MANAGER_PATH, Bus
from tests.support.uml import soak_reading
from tests.support.uml.machine import Machine, Role

_READ: Final = ("python3", "-I", "-S", "-c", Path(soak_reading.__file__).read_text())
_LOADER: Final = r"/kmodd/kernel/loader_main\.py$"
PATIENCE_S: Final = 120.0
"""For what kmodd puts off, after failures and after fights over a module."""

OTHERS: Final = ("dummy", "ifb", "veth", "nlmon", "ip_vs", "ip_vs_rr", "anubis", "wp512", "scsi_debug")
DISK: Final = '{ subsystem = "scsi", modalias = "scsi:t-0x00*" }'
FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "40-dummy.toml": (
        "[module.dummy]\n",
        "[module.dummy]\nparameters.numdummies = 2\non_parameter_change = 'reload'\n",
        "[module.dummy]\nparameters.numdummies = 3\non_parameter_change = 'reload'\n",
        "[module.dummy]\nstate = 'unloaded'\n",
        "[module.dummy]\nstate = 'denied'\n",
        "[module.dummy]\nreplaces = ['wp512']\n",
    ),
    "41-disk.toml": (
        f"[module.ifb]\nwhen.device = {DISK}\n",
        f"[module.ifb]\nwhen.device = {DISK}\nwhen_gone = 'unload'\n",
        f"[module.ifb]\nstate = 'auto'\n[module.nlmon]\nwhen.device = {DISK}\n",
    ),
    "42-balance.toml": (
        "[module.ip_vs_rr]\n[module.veth]\nafter = ['ip_vs_rr']\n",
        "[module.ip_vs]\nstate = 'unloaded'\n[module.ip_vs_rr]\nstate = 'unloaded'\n",
        "[module.ip_vs]\nstate = 'denied'\n",
        "[module.ip_vs_rr]\nconflicts = ['nlmon']\n",
    ),
    "43-scsi.toml": (
        "[module.scsi_debug]\nparameters = { delay = 3, add_host = 0 }\n",
        "[module.scsi_debug]\nparameters = { delay = 4, every_nth = 2 }\n",
        "[module.scsi_debug]\nstate = 'auto'\nparameters = { delay = 6 }\n",
    ),
    "44-crypto.toml": (
        "[module.anubis]\n[module.wp512]\n",
        "[module.anubis]\nrequires = ['wp512']\n",
        "[module.anubis]\nstate = 'denied'\n[module.wp512]\nstate = 'unloaded'\n",
        "[module.no_such_module]\n[module.anubis]\n",
    ),
    "45-broken.toml": ("[module.veth\n", "[module.veth]\nstate = 'lodaed'\n", "[module.veth]\n"),
}
FINAL: Final = (
    "[module.dummy]\n[module.ip_vs_rr]\n[module.anubis]\n[module.wp512]\nstate = 'denied'\n"
    "[module.scsi_debug]\nparameters = { delay = 7 }\n"
)
OVERRIDES: Final = (
    ("scsi_debug", "1", "parameters", "a{sv}", "1", "delay", "i", "9"),
    ("dummy", "1", "state", "s", "unloaded"),
    ("anubis", "1", "state", "s", "loaded"),
)
_STATES: Final = {"Live": "loaded", "Loading": "loading", "Unloading": "unloading"}
_ABSENT: Final = ("not-loaded", "missing", "builtin")


class Action(NamedTuple):
    """One thing that is done: a method of ``Doer``, and what it is given."""

    what: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.what, *(argument.strip().replace("\n", " ") for argument in self.arguments)))


def draw(random: Random) -> Action:
    """The next one."""
    what = random.choices(*zip(*_WEIGHTS.items(), strict=True))[0]
    given: tuple[str, ...] = ()
    match what:
        case "drop":
            name = random.choice(sorted(FILES))
            given = (name, random.choice(FILES[name]))
        case "take_away":
            given = (random.choice(sorted(FILES)),)
        case "load" | "unload" | "forget":
            given = (random.choice(OTHERS),)
        case "write":
            given = (random.choice(("delay", "every_nth")), str(random.randrange(2, 9)))
        case "override":
            given = random.choice(OVERRIDES)
        case "kill":
            given = (random.choice(("daemon", "loader", "child", "compiler")),)
    return Action(what, given)


_WEIGHTS: Final[dict[str, int]] = {
    "drop": 24,
    "take_away": 8,
    "load": 12,
    "unload": 16,
    "plug": 6,
    "unplug": 6,
    "write": 8,
    "kill": 14,
    "restart_bus": 2,
    "override": 4,
    "forget": 3,
    "pause": 1,
    "resume": 3,
    "reload": 2,
    "roll_back": 1,
}


class Doer:
    """Does actions; what the machine refuses is as good as done."""

    def __init__(self, vm: Machine) -> None:
        self.vm = vm
        self.bus = Bus(vm)
        self.kills: Counter[str] = Counter()
        self.spares_daemon = False

    def do(self, action: Action) -> None:
        """One of them."""
        methods: dict[str, Callable[..., object]] = {name: getattr(self, name) for name in _WEIGHTS}
        methods[action.what](*action.arguments)

    def drop(self, name: str, text: str) -> None:
        """A file comes or changes."""
        self.vm.drop(name, text)

    def take_away(self, name: str) -> None:
        """A file goes."""
        with suppress(GuestError):
            self.vm.remove_file(name)

    def load(self, name: str) -> None:
        """Somebody else loads a module."""
        self.vm.run("modprobe", *((name, "add_host=0") if name == "scsi_debug" else (name,)))

    def unload(self, name: str) -> None:
        """Somebody else takes one out."""
        self.vm.run("rmmod", name)

    def plug(self) -> None:
        """A disk comes, where the module for it can."""
        if "scsi_debug" in self.vm.modules():
            with suppress(GuestError):
                self.vm.plug_scsi()

    def unplug(self) -> None:
        """A disk goes."""
        with suppress(GuestError):
            self.vm.unplug_scsi()

    def write(self, parameter: str, value: str) -> None:
        """Somebody else writes a parameter."""
        with suppress(GuestError):
            self.vm.set_parameter("scsi_debug", parameter, value)

    def kill(self, who: str) -> None:
        """A process of kmodd; the daemon is started again, as by systemd."""
        if who == "daemon":
            if self.spares_daemon:
                return
            self.vm.kill()
            assert self.vm.wait_for_end() == -signal.SIGKILL
            self.vm.start_daemon()
        elif who == "loader":
            try:
                self.vm.kill(role="loader")
            except (AssertionError, GuestError):  # there is none at the moment
                return
        elif not self._kill_at_work(who):
            return
        self.kills[who] += 1

    def _kill_at_work(self, who: str) -> bool:
        """The next one that comes when there is something to do."""
        role: Role = "compiler" if who == "compiler" else "loader"
        pattern = r"^kmodd\.config\.compile$" if role == "compiler" else _LOADER
        known = [process.pid for process in self.vm.kmodd_processes()]
        pending = self.vm.signal_when_seen(pattern, known, signal.SIGKILL, 3.0)
        self.vm.drop("50-more.toml", f"[module.veth]\nreason = '{sum(self.kills.values())}'\n")
        self.vm.run("rmmod", "veth")
        try:
            return bool(pending.finish())
        except GuestError:  # it came and went between two looks
            return False

    def restart_bus(self) -> None:
        """Everybody loses the connection."""
        self.vm.stop_service("bus")
        self.vm.start_bus()
        self.vm.wait_for(bus_name_owned(), PATIENCE_S)
        self.kills["bus"] += 1

    def override(self, *arguments: str) -> None:
        """SetOverride."""
        self._call("SetOverride", "sa{sv}", *arguments)

    def forget(self, name: str) -> None:
        """ClearOverride."""
        self._call("ClearOverride", "s", name)

    def pause(self) -> None:
        """Pause."""
        self._call("Pause")

    def resume(self) -> None:
        """Resume."""
        self._call("Resume")

    def reload(self) -> None:
        """SIGHUP."""
        self.vm.reload_daemon()

    def roll_back(self) -> None:
        """A checkpoint, some files, and back."""
        made = self._call("CreateCheckpoint", "u", "600")
        if made is None:
            return
        self.vm.drop("40-dummy.toml", "[module.dummy]\n")
        self._call("Reload")
        self._call("Rollback", "s", json.loads(made)["data"][0])

    def _call(self, member: str, *arguments: str) -> str | None:
        """A method of the manager; None where it is refused."""
        answer = self.vm.busctl(
            "--json=short", "call", BUS_NAME, MANAGER_PATH, MANAGER, member, *arguments, timeout_s=PATIENCE_S
        )
        return answer.stdout if answer.status == 0 else None

    def hears(self) -> bool:
        """Whether events alone are enough to know which modules are in; nothing is called."""
        self.vm.settle()
        return self.vm.holds_within(CommandPrints((*_READ, "agree"), "^agreed"), self.vm.patience_s)

    def quieten(self) -> None:
        """Everything that can be done at once is done, and kmodd has looked at all of it."""
        self.vm.settle()
        assert self._call("Reconcile") is not None, f"no Reconcile\n{self.vm.log()}"


def lies(vm: Machine) -> list[str] | None:
    """What kmodd says that is not so; None where the kernel moved meanwhile."""
    done = vm.run(*_READ, timeout_s=60.0).check()
    reading = json.loads(done.stdout)
    if reading["before"] != reading["after"]:
        return None
    modules, parameters = reading["after"]["modules"], reading["after"]["parameters"]
    return [
        f"{name}: {lie}"
        for name, row in reading["bus"].items()
        for lie in _lies_of(row, modules.get(name), parameters.get(name, {}))
    ]


def _lies_of(row: Mapping[str, Any], line: Any, parameters: Mapping[str, str]) -> list[str]:
    found = []
    state, refcount, holders = line or ("", 0, [])
    if row["State"] not in ([_STATES[state]] if state else _ABSENT):
        found.append(f"State {row['State']}, the kernel: {state or 'not there'}")
    if state and row["Parameters"] != parameters:
        found.append(f"Parameters {_differences(row['Parameters'], parameters)}")
    if state and (row["RefCount"], sorted(row["Holders"])) != (refcount, holders):
        found.append(f"RefCount {row['RefCount']} {row['Holders']}, the kernel: {refcount} {holders}")
    if row["Condition"] in ("in-sync", "denied"):
        found += _not_in_sync(row, state, parameters)
    return found


def _not_in_sync(row: Mapping[str, Any], state: str, parameters: Mapping[str, str]) -> list[str]:
    wanted = {key: value for key, value in row["DesiredParameters"].items() if key in parameters}
    is_in = state == "Live" or row["State"] == "builtin"
    if row["Desired"] == "loaded" and not (is_in and row["Condition"] == "in-sync"):
        return [f"{row['Condition']}, and it is {state or 'not there'}"]
    if row["Desired"] in ("unloaded", "denied") and state:
        return [f"{row['Condition']}, and it is {state}"]
    if state and any(parameters[key] != value for key, value in wanted.items()):
        return [f"{row['Condition']}, but {_differences(wanted, parameters)}"]
    return []


def _differences(said: Mapping[str, str], true: Mapping[str, str]) -> str:
    keys = sorted(key for key in {*said, *true} if said.get(key) != true.get(key))
    return ", ".join(f"{key} {said.get(key)!r} is {true.get(key)!r}" for key in keys)


class Footprint(NamedTuple):
    """What daemon and loader hold: open files of each, memory of the daemon, processes of kmodd."""

    daemon_files: int
    loader_files: int
    daemon_kib: int
    processes: int


def footprint(vm: Machine) -> Footprint:
    """With a loader that has just been at work, and whose children have ended, as nothing more has come."""
    vm.run("rmmod", "anubis").check()
    Bus(vm).call("Reconcile")
    daemon, loader = vm.pid_of("daemon"), vm.pid_of("loader")
    for child in (process for process in living(vm) if process.parent == loader):
        vm.wait_for(PathExists(f"/proc/{child.pid}", wanted=False))
    status = vm.read(f"/proc/{daemon}/status").splitlines()
    memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    files = [len(vm.names_in(f"/proc/{pid}/fd")) for pid in (daemon, loader)]
    return Footprint(files[0], files[1], memory, len(living(vm)))


def living(vm: Machine) -> list[GuestProcess]:
    """Processes of kmodd that have not ended."""
    return [process for process in vm.kmodd_processes() if process.state != "Z"]


def zombies(vm: Machine) -> list[GuestProcess]:
    """Processes that ended and that nobody waited for."""
    return [process for process in vm.processes() if process.state == "Z"]
