"""Uevents from netlink to the trigger: modules from the kernel, devices from udevd (without it, the kernel).

A device that comes is heard of from the kernel too, which does not wait for udevd's rules.

An event is a hint, so what is passed on is a name or a path; its content serves only to pass over devices
that nobody asks for, and tells which matches a device that has just been made fulfils. Modules on which kmodd
itself is at work are passed over too: they are looked at when that is over. A lost event is a look at
everything, after the socket has been read empty: until then netlink drops all others without telling again
(net/netlink/af_netlink.c, NETLINK_S_CONGESTED).
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import EINVAL, ENOBUFS, EOVERFLOW
from typing import TYPE_CHECKING, Final

from kmodd.errors import ErrorKind, KmoddError
from kmodd.events.devices import open_udev
from kmodd.events.kernel_device import DEVICE_PREFIXES, is_told, told
from kmodd.events.kernel_filter import MODULE_PREFIXES, attach, program
from kmodd.events.kernel_socket import KernelSocket, module_path
from kmodd.events.match import may_fulfil, subsystems
from kmodd.events.trigger import Look
from kmodd.model import DeviceMatch
from kmodd.names import ModuleName, is_module_name, module_name

if TYPE_CHECKING:
    from kmodd.events.roles import Growing, Monitor
    from kmodd.events.udev import Group, Udev, UdevDevice

BATCH: Final = 64
"""Events read in one turn of the loop: 9 us each, so the loop is held for less than a millisecond."""

GATHER_S: Final = (0.003, 0.006, 0.012)
"""How long those that follow an event which concerns nobody are left to gather, at first and then: to wake
for each is most of what it costs. A few times what udevd takes for one, little beside what a device takes."""

BUFFER_BYTES: Final = 16 << 20
"""The kernel doubles it: 33 MB, which the events of several ``udevadm trigger`` do not fill."""

_LOSSES: Final = frozenset((ENOBUFS, EINVAL, EOVERFLOW))

_log = logging.getLogger(__name__)


def _any_path(_path: str) -> bool:
    """Where nobody keeps which devices there are, all count."""
    return True


def _no_module(_name: ModuleName) -> bool:
    """Where nobody changes modules."""
    return False


class Source:
    """One monitor on the event loop; reads at most BATCH events a turn and never raises into the loop.

    The first event of a quiet time is heard at once. One that concerns nobody is mostly the first of many.
    """

    def __init__(
        self, monitor: Monitor, heard: Callable[[list[str]], None], lost: Callable[[OSError | None], None]
    ) -> None:
        """``heard`` gets sys paths; ``lost`` gets None when events were lost, else why the source is dead."""
        self._monitor = monitor
        self._heard = heard
        self._lost = lost
        self._draining = False
        self._loop = asyncio.get_running_loop()
        self._gathering: asyncio.TimerHandle | None = None
        self._moments = 0
        """How often in a row nobody was concerned."""
        self._is_closed = False
        self._listen()

    def close(self) -> None:
        """Let go of the loop and the socket."""
        self._is_closed = True
        if self._gathering is not None:
            self._gathering.cancel()
        self._loop.remove_reader(self._monitor.fileno())
        self._monitor.close()

    def _listen(self) -> None:
        self._moments = 0
        self._loop.add_reader(self._monitor.fileno(), self._readable)

    def _readable(self) -> None:
        if self._take():
            self._loop.remove_reader(self._monitor.fileno())
            self._gather()

    def _gather(self) -> None:
        moment_s = GATHER_S[min(self._moments, len(GATHER_S) - 1)]
        self._moments += 1
        self._gathering = self._loop.call_later(moment_s, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        if self._take():
            self._gather()
        elif not self._is_closed:
            self._listen()

    def _take(self) -> bool:
        """Hear what has come; whether that was anything, and concerned nobody."""
        try:
            paths, empty = self._read_batch()
        except OSError as error:
            if error.errno not in _LOSSES:
                self._lost(error)
                return False
            self._draining, paths, empty = True, [], True
        if self._draining:
            self._drained(empty)
            return False
        if any(paths):
            self._heard(paths)
            return False
        return bool(paths)

    def _read_batch(self) -> tuple[list[str], bool]:
        """Up to BATCH sys paths, and whether the socket seemed empty then."""
        paths: list[str] = []
        for _ in range(BATCH):
            path = self._monitor.receive()
            if path is None:
                return paths, True
            paths.append(path)
        return paths, False

    def _drained(self, empty: bool) -> None:
        # libudev answers "nothing" for a message that it does not trust, too: ask the socket itself.
        if empty and not _is_readable(self._monitor.fileno()):
            self._draining = False
            self._lost(None)


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


class Uevents:
    """Both sources. ``listen`` is to be called before every pass: it opens what is missing or has changed."""

    def __init__(
        self,
        notify: Callable[[Look], None],
        *,
        run_root: str = "/run",
        known: Callable[[str], bool] = _any_path,
        busy: Callable[[ModuleName], bool] = _no_module,
    ) -> None:
        """``known``: whether the device at a sys path fulfilled a match; its events always count.

        ``busy``: whether kmodd is changing a module just now; the end of that is told otherwise.
        """
        self.overflows = 0
        self._notify = notify
        self._control = os.path.join(run_root, "udev/control")
        self._udev: Udev | None = None  # not before devices are asked for
        self._modules: Source | None = None
        self._devices: Source | None = None
        self._added: Source | None = None
        self._tellable: frozenset[DeviceMatch] = frozenset()
        self._told: set[tuple[str, DeviceMatch]] = set()
        """What the messages say that are just being read."""
        self._devices_key: tuple[Group, frozenset[str]] | None = None
        self._matches: frozenset[DeviceMatch] = frozenset()
        self._known = known
        self._busy = busy
        self._small_buffer = ""

    def listen(self, matches: Iterable[DeviceMatch], ready: Container[DeviceMatch] = ()) -> None:
        """Listen to module events, and to those of the devices that ``matches`` may mean.

        ``ready``: those that are not fulfilled before udevd is through with a device.

        What happens from now on is heard; look at what is there after this call. Raises FAILED where the
        kernel gives no netlink socket, and without libudev where devices are asked for.
        """
        if self._modules is None:
            self._modules = self._open_modules()
        self._follow_devices(frozenset(matches))
        self._follow_added(frozenset(m for m in self._matches if is_told(m) and m not in ready))

    def close(self) -> None:
        """Stop listening; ``listen`` starts anew."""
        self._close_modules()
        self._close_devices()
        self._close_added()

    def _open_modules(self) -> Source:
        monitor = self._open_kernel(module_path, MODULE_PREFIXES)
        return Source(monitor, self._modules_heard, self._modules_lost)

    def _open_kernel(self, path_of: Callable[[bytes], str], prefixes: tuple[bytes, ...]) -> KernelSocket:
        with _refusal_explained():
            monitor = KernelSocket(path_of)
            self._enlarge(monitor)
            _filter(monitor, prefixes)
            try:
                monitor.start()
            except OSError:
                monitor.close()
                raise
        return monitor

    def _follow_devices(self, matches: frozenset[DeviceMatch]) -> None:
        group: Group = "udev" if os.path.exists(self._control) else "kernel"
        key = (group, subsystems(matches)) if matches else None
        self._matches = matches
        if key == self._devices_key:
            return
        had_one = self._devices is not None
        opened = None
        if key is not None:
            opened = Source(self._open_devices(*key), self._devices_heard, self._devices_lost)
        self._close_devices()
        self._devices, self._devices_key = opened, key
        if had_one and opened is not None:
            # The old socket may have held events that nobody has read.
            self._notify(Look(all_devices=True))

    def _follow_added(self, matches: frozenset[DeviceMatch]) -> None:
        """Have the kernel tell of devices that fulfil ``matches``; without udevd all is heard from it anyway.

        What keeps that from being so costs time only: udevd tells of them too.
        """
        self._tellable = matches
        if not matches or self._devices_key is None or self._devices_key[0] != "udev":
            self._close_added()
        elif self._added is None:
            with suppress(KmoddError):
                monitor = self._open_kernel(self._path_of_added, DEVICE_PREFIXES)
                self._added = Source(monitor, self._added_heard, self._added_lost)

    def _concerns(self, device: UdevDevice) -> bool:
        """Whether a pass has to look at ``device``, as far as its event can tell."""
        return self._known(device.path) or any(may_fulfil(match, device) for match in self._matches)

    def _path_of_added(self, message: bytes) -> str:
        path, matches = told(message, self._tellable)
        self._told.update((path, match) for match in matches)
        return path

    def _open_devices(self, group: Group, wanted: frozenset[str]) -> Monitor:
        # Only udevd tells all properties of a device: the kernel's own event lacks those of the rules.
        concerns = self._concerns if group == "udev" else None
        self._udev = self._udev or open_udev()
        with _refusal_explained():
            monitor = self._udev.monitor(group, wanted, concerns)
        self._enlarge(monitor)
        return monitor

    def _enlarge(self, monitor: Growing) -> None:
        try:
            monitor.enlarge(BUFFER_BYTES)
        except OSError as error:
            # Said when it matters: without CAP_NET_ADMIN this is how it is, and costs a full look at worst.
            self._small_buffer = f", which cannot be enlarged ({error.strerror})"

    def _modules_heard(self, paths: list[str]) -> None:
        names = (path.rpartition("/")[2] for path in paths)
        found = frozenset(module_name(name) for name in names if is_module_name(name))
        modules = frozenset(name for name in found if not self._busy(name))
        if modules:
            self._notify(Look(modules=modules))

    def _devices_heard(self, paths: list[str]) -> None:
        devices = frozenset(filter(None, paths))
        if devices:
            self._notify(Look(devices=devices))

    def _modules_lost(self, error: OSError | None) -> None:
        self._lost("module", error)
        if error is not None:
            self._close_modules()

    def _devices_lost(self, error: OSError | None) -> None:
        self._lost("device", error)
        if error is not None:
            self._close_devices()

    def _added_heard(self, _paths: list[str]) -> None:
        heard, self._told = frozenset(self._told), set()
        self._notify(Look(told=heard))

    def _added_lost(self, error: OSError | None) -> None:
        """udevd tells of them too; a dead source is opened again by the next pass."""
        self._told.clear()
        if error is not None:
            self._close_added()

    def _lost(self, which: str, error: OSError | None) -> None:
        """Whatever was lost, one look at everything mends it; that pass also opens a dead source again."""
        self.overflows += 1
        _log.warning(
            "%s events were lost, looking at everything: %s",
            which,
            error or f"the receive buffer overflowed{self._small_buffer}",
        )
        self._notify(Look(full=True, all_devices=True))

    def _close_modules(self) -> None:
        if self._modules is not None:
            self._modules.close()
        self._modules = None

    def _close_devices(self) -> None:
        if self._devices is not None:
            self._devices.close()
        self._devices, self._devices_key = None, None

    def _close_added(self) -> None:
        if self._added is not None:
            self._added.close()
        self._added = None
        self._told.clear()


def _filter(monitor: KernelSocket, prefixes: tuple[bytes, ...]) -> None:
    try:
        attach(monitor.fileno(), program(prefixes))
    except OSError as error:  # the socket still drops the rest, at the price of waking up for it
        _log.warning("events cannot be filtered in the kernel: %s", error)


@contextmanager
def _refusal_explained() -> Iterator[None]:
    """Within, what the kernel refuses of netlink is raised as FAILED."""
    try:
        yield
    except OSError as error:
        raise KmoddError(
            ErrorKind.FAILED,
            f"uevents cannot be received: {error}",
            "netlink sockets must be allowed (RestrictAddressFamilies=AF_NETLINK)",
        ) from error
