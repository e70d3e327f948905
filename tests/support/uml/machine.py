"""A machine with a real kernel, in the words of the domain."""

import re
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, Self

from tests.support.guest.calls import NOTIFY_SOCKET, GuestProcess, Pending
from tests.support.guest.channel import Channel, GuestError, MachineLost
from tests.support.guest.machine import WAIT_S, GuestMachine
from tests.support.uml import preload, services
from tests.support.uml.process import REPOSITORY, Kernel, UmlProcess

DAEMON_LOG = "/var/log/kmodd/daemon.log"
KMODD = str(REPOSITORY / ".venv/bin/kmodd")
_BOOT_TIMEOUT_S = 120.0

# What stands behind "--" goes to init; NAME=VALUE that the kernel does not know becomes its environment.
_HOSTFS_ROOT = (
    "rootfstype=hostfs",
    "ro",
    "selinux=0",
    f"PYTHONPATH={REPOSITORY}",
    f"init={sys.executable}",
    "--",
    "-S",
    "-m",
    "tests.support.uml.init",
)

Role = Literal["daemon", "loader", "compiler"]
_ROLE_PATTERN: Mapping[Role, str] = {
    "daemon": r"/bin/kmodd$",
    "loader": r"/kmodd/kernel/loader_main\.py$",
    "compiler": r"^kmodd\.config\.compile$",
}
"""An argument that tells a process of kmodd from others."""


class Machine(GuestMachine):
    """A booted guest. Everything that a test does to it stays in it."""

    def __init__(self, process: UmlProcess) -> None:
        super().__init__(Channel(process.lines.agent, process.console_tail))
        self.terminal = process.lines.terminal
        self._process = process
        self._daemon = 0
        self._services: dict[str, int] = {}
        self._booted_with: tuple[str, ...] = ()

    # --------------------------------------------------------------------------------- life

    @classmethod
    @contextmanager
    def boot(
        cls,
        *,
        modules: bool = True,
        bus: bool = True,
        udevd: bool = True,
        command_line: tuple[str, ...] = (),
        memory_mib: int = 512,
    ) -> Iterator[Self]:
        """A machine for the length of a with block; ``modules=False``: no /lib/modules for its kernel."""
        with tempfile.TemporaryDirectory(prefix="kmodd-uml-") as scratch:
            arguments = (*command_line, *_HOSTFS_ROOT)
            process = UmlProcess(_host_kernel(), Path(scratch) / "console", memory_mib, arguments)
            machine = cls(process)
            try:
                machine._prepare(modules=modules, bus=bus, udevd=udevd)
                yield machine
                machine._halt()
            finally:
                process.end()
                machine.channel.join()

    def _prepare(self, *, modules: bool, bus: bool, udevd: bool) -> None:
        release = str(self.channel.result(self.channel.ready, _BOOT_TIMEOUT_S))
        if udevd:
            self.start_udevd()
        if bus:
            self.start_bus()
        if not modules:
            self.remove(f"/lib/modules/{release}")
        self._booted_with = tuple(self._services)
        self.mark()

    def _halt(self) -> None:
        self.channel.hang_up()
        if not self._process.wait():
            raise MachineLost(f"the guest does not shut down; its console:\n{self.console()}")

    def reset(self) -> None:
        """Back to the state after booting; AssertionError names the modules that do not go."""
        if self._daemon:
            self.stop_daemon()
        super().reset()
        self._restore_services()

    def _restore_services(self) -> None:
        """Bring back what a test stopped; what it started in the place of those ended with its processes."""
        alive = {process.pid for process in self.processes() if process.state != "Z"}
        gone = [name for name in self._booted_with if self._services.get(name) not in alive]
        for name in gone:
            {"udevd": self.start_udevd, "bus": self.start_bus}[name]()
        if gone:
            self.mark()

    def console(self) -> str:
        """What the kernel printed."""
        return self._process.console_tail(200)

    # ----------------------------------------------------------------------------- services

    def start_udevd(self) -> None:
        """Start udevd and wait until it has seen all devices."""
        self._services["udevd"] = services.start_udevd(self)

    def start_bus(self) -> None:
        """Start the system bus with the policy of this repository."""
        self._services["bus"] = services.start_bus(self)

    def stop_service(self, name: Literal["udevd", "bus"]) -> None:
        """End a service; ``start_udevd`` or ``start_bus`` brings it back."""
        pid = self._services.pop(name)
        self.send_signal(pid, signal.SIGTERM)
        self.wait(pid)

    # ------------------------------------------------------------------------------- daemon

    def start_daemon(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        wrapper: tuple[str, ...] = (),
    ) -> int:
        """Start kmodd and wait until it says that it is ready; its pid. AssertionError has its log.

        ``wrapper``: a command that becomes kmodd by exec, such as setpriv(1) with its options.
        """
        since = len(self.notifications())
        variables = {"NOTIFY_SOCKET": NOTIFY_SOCKET, **(environment or {})}
        self._daemon = self.spawn(*wrapper, KMODD, *arguments, output=DAEMON_LOG, environment=variables)
        self._wait_until_ready(since)
        return self._daemon

    def stop_daemon(self) -> int:
        """End kmodd as systemd does; its exit status."""
        with suppress(GuestError):  # it may have ended by itself
            self.send_signal(self._daemon, signal.SIGTERM)
        return self.wait_for_end()

    def wait_for_end(self) -> int:
        """Wait until kmodd has ended; its exit status (negative: signal)."""
        pid, self._daemon = self._daemon, 0
        return self.wait(pid)

    def reload_daemon(self) -> None:
        """SIGHUP, and wait until kmodd is ready again."""
        since = len(self.notifications())
        self.send_signal(self._daemon, signal.SIGHUP)
        self._wait_until_ready(since)

    def _wait_until_ready(self, since: int) -> None:
        if not self.is_notified(self._daemon, "READY=1", since, WAIT_S):
            raise AssertionError(f"kmodd does not become ready; its log:\n{self.log()}")

    def kill(self, number: signal.Signals = signal.SIGKILL, role: Role = "daemon") -> None:
        """Send a signal to one of kmodd's processes; AssertionError when it is not there."""
        self.send_signal(self.pid_of(role), number)

    def kill_when_seen(self, role: Role, number: signal.Signals = signal.SIGKILL) -> Pending[int]:
        """Send a signal to the next process of a role that appears, however short it lives."""
        pattern = _ROLE_PATTERN[role]
        known = [process.pid for process in self.kmodd_processes()]
        return self.signal_when_seen(pattern, known, number, WAIT_S)

    def kill_at_event(self, action: str, module: str) -> None:
        """SIGKILL the daemon as soon as the kernel tells of a module's next ``action``."""
        self.signal_at_event(action, module, self._daemon, signal.SIGKILL)

    def pid_of(self, role: Role) -> int:
        """The daemon, or its child that runs as ``role``."""
        if role == "daemon":
            return self._daemon
        children = [
            p for p in self.processes() if p.parent == self._daemon and p.has_argument(_ROLE_PATTERN[role])
        ]
        if not children:
            raise AssertionError(f"kmodd has no {role}; processes: {self.kmodd_processes()}")
        return children[0].pid

    def wakeups_of(self, role: Role) -> int:
        """How often one of kmodd's processes has slept and woken up, all threads together (proc(5))."""
        pid = self.pid_of(role)
        texts = [self.read(f"/proc/{pid}/task/{task}/status") for task in self.names_in(f"/proc/{pid}/task")]
        counts = [re.search(r"^voluntary_ctxt_switches:\s*(\d+)$", text, re.MULTILINE) for text in texts]
        return sum(int(count[1]) for count in counts if count)

    def kmodd_processes(self) -> tuple[GuestProcess, ...]:
        """Every process of kmodd, orphans included."""
        return tuple(p for p in self.processes() if any(map(p.has_argument, _ROLE_PATTERN.values())))

    def log(self) -> str:
        """What kmodd wrote, over all its starts in this test."""
        return self.read(DAEMON_LOG) if self.names_in(str(Path(DAEMON_LOG).parent)) else ""


def _host_kernel() -> Kernel:
    """The machine's own user-mode-linux."""
    return Kernel("/usr/bin/linux.uml", "/", preload.environment())
