"""What the agent can do, typed: processes, files, waiting and events of the guest."""

import re
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from tests.support.agent import wire
from tests.support.guest.channel import Channel
from tests.support.guest.conditions import CommandPrints, Condition, FileHolds, PathExists

NOTIFY_SOCKET = "/run/notify"
_GRACE_S = 30.0
"""What the line and a busy host may add to a deadline of the guest before the machine counts as hung."""

_WAITS = {FileHolds: "wait_for_file", PathExists: "wait_for_path", CommandPrints: "wait_for_command"}


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ran to its end; negative status: killed by that signal, None: out of time."""

    argv: tuple[str, ...]
    status: int | None
    stdout: str
    stderr: str

    def check(self) -> "Completed":
        """Itself; AssertionError with both outputs when the status is not 0."""
        if self.status != 0:
            raise AssertionError(f"{' '.join(self.argv)}: status {self.status}\n{self.stdout}{self.stderr}")
        return self


@dataclass(frozen=True, slots=True)
class GuestProcess:
    """One process of the guest; ``state`` is the letter of ps(1)."""

    pid: int
    parent: int
    state: str
    name: str
    argv: tuple[str, ...]

    def has_argument(self, pattern: str) -> bool:
        """Whether ``pattern`` (regular expression) is found in one of the arguments."""
        return any(re.search(pattern, argument) for argument in self.argv)


@dataclass(frozen=True, slots=True)
class ModuleEvent:
    """A module uevent of the kernel; ``time_s`` is the guest's CLOCK_MONOTONIC at its arrival."""

    action: str
    module: str
    time_s: float


class Pending(Generic[T]):
    """A request that the guest still works on."""

    def __init__(
        self, channel: Channel, answer: Future[object], timeout_s: float, convert: Callable[[Any], T]
    ) -> None:
        self._channel = channel
        self._answer = answer
        self._timeout_s = timeout_s
        self._convert = convert

    def finish(self) -> T:
        """Wait for what comes of it."""
        return self._convert(self._channel.result(self._answer, self._timeout_s + _GRACE_S))


class GuestCalls:
    """Typed calls over a channel; every one ends, with MachineLost at the latest."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    # ------------------------------------------------------------------------------- processes

    def start(
        self,
        *argv: str,
        timeout_s: float = 30.0,
        stdin: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> Pending[Completed]:
        """Start a command, to be finished later; after ``timeout_s`` the guest kills it."""
        answer = self.channel.submit(
            "run", argv=argv, timeout_s=timeout_s, stdin=stdin, environment=environment or {}
        )
        return Pending(self.channel, answer, timeout_s, lambda result: Completed(argv, **result))

    def run(
        self,
        *argv: str,
        timeout_s: float = 30.0,
        stdin: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a command to its end."""
        return self.start(*argv, timeout_s=timeout_s, stdin=stdin, environment=environment).finish()

    def spawn(self, *argv: str, output: str, environment: Mapping[str, str] | None = None) -> int:
        """Start a process that stays, its output appended to a file; its pid."""
        return int(self._call("spawn", argv=argv, output=output, environment=environment or {}, terminal=""))

    def spawn_on_terminal(self, *argv: str, terminal: str, environment: Mapping[str, str]) -> int:
        """Start a process as leader of a session with ``terminal``; its pid."""
        return int(self._call("spawn", argv=argv, output="", environment=environment, terminal=terminal))

    def wait(self, pid: int, timeout_s: float = 20.0) -> int:
        """Exit status of a spawned process (negative: signal); AssertionError when it stays."""
        status = self._call("wait", timeout_s, pid=pid, timeout_s=timeout_s)
        if status is None:
            raise AssertionError(f"process {pid} did not end within {timeout_s:.0f} s")
        return int(status)

    def notifications(self, since: int = 0) -> tuple[str, ...]:
        """What services said to NOTIFY_SOCKET, as NAME=VALUE, from number ``since`` on (sd_notify(3))."""
        return tuple(self._call("notifications", since=since))

    def is_notified(self, pid: int, assignment: str, since: int, timeout_s: float) -> bool:
        """Whether a spawned process said ``assignment`` before it ended and within ``timeout_s``."""
        arguments = {"pid": pid, "assignment": assignment, "since": since}
        return bool(self._call("wait_for_notification", timeout_s, **arguments, timeout_s=timeout_s))

    def send_signal(self, pid: int, number: signal.Signals) -> None:
        """Send a signal; GuestError when there is no such process."""
        self._call("send_signal", pid=pid, number=int(number))

    def signal_when_seen(
        self, pattern: str, known: list[int], number: signal.Signals, timeout_s: float
    ) -> Pending[int]:
        """Signal the next process, not ``known``, with ``pattern`` in an argument; its pid."""
        arguments = {"pattern": pattern, "known": known, "number": int(number), "timeout_s": timeout_s}
        answer = self.channel.submit("signal_when_seen", **arguments)
        return Pending(self.channel, answer, timeout_s, int)

    def processes(self) -> tuple[GuestProcess, ...]:
        """All but kernel threads, zombies included."""
        rows = self._call("list_processes")
        return tuple(GuestProcess(**{**row, "argv": tuple(row["argv"])}) for row in rows)

    # ----------------------------------------------------------------------------------- files

    def read(self, path: str) -> str:
        """Content of a file; bytes that are not UTF-8 become lone surrogates."""
        return str(self._call("read_file", path=path))

    def write(self, path: str, content: str | bytes, *, mode: int = 0o644, atomic: bool = True) -> None:
        """Write a file; ``atomic=False`` for files of proc and sysfs, and to write over one in place."""
        text = content if isinstance(content, str) else wire.to_text(content)
        self._call("write_file", path=path, content=text, mode=mode, atomic=atomic)

    def remove(self, path: str) -> None:
        """Remove a file, a link or a directory with all that is in it."""
        self._call("remove", path=path)

    def link(self, path: str, target: str) -> None:
        """Make or replace a symbolic link."""
        self._call("make_link", path=path, target=target)

    def names_in(self, directory: str) -> tuple[str, ...]:
        """Names in a directory, sorted; none where there is none."""
        return tuple(self._call("list_directory", path=directory))

    # ------------------------------------------------------------------------------- baseline

    def mark(self) -> None:
        """Remember what runs and what is loaded now, for what goes back to it."""
        self._call("mark")

    def unload(self) -> None:
        """Take out what was loaded since ``mark``; AssertionError names the modules that do not go."""
        _none_stuck(self._call("unload", 60.0))

    def reset(self) -> None:
        """End, take out and remove what came since ``mark``; AssertionError names what does not go."""
        _none_stuck(self._call("reset", 60.0))

    # -------------------------------------------------------------------------- time and events

    def holds_within(self, condition: Condition, timeout_s: float) -> bool:
        """Whether the condition came to hold within ``timeout_s``."""
        return bool(self._call(_WAITS[type(condition)], timeout_s, **asdict(condition), timeout_s=timeout_s))

    def module_events(self, since: int = 0) -> tuple[ModuleEvent, ...]:
        """Module uevents in the kernel's order, from number ``since`` on (0: since boot)."""
        return tuple(ModuleEvent(**row) for row in self._call("events", since=since))

    def signal_at_event(self, action: str, module: str, pid: int, number: signal.Signals) -> None:
        """Have a signal sent to a process as soon as the kernel tells of a module's next ``action``."""
        self._call("signal_at_event", action=action, module=module, pid=pid, number=int(number))

    def clock_s(self) -> float:
        """The guest's CLOCK_MONOTONIC."""
        return float(self._call("clock_s"))

    def _call(self, name: str, allowed_s: float = 0.0, /, **arguments: object) -> Any:
        return self.channel.result(self.channel.submit(name, **arguments), allowed_s + _GRACE_S)


def _none_stuck(modules: list[str]) -> None:
    if modules:
        raise AssertionError(f"modules left behind that cannot be removed: {', '.join(modules)}")
