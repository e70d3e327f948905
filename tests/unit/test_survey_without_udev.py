"""Without libudev: what asks for devices fails, what only would be tried again by them does not."""

import errno
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from kmodd.errors import ErrorKind, KmoddError
from kmodd.events.devices import Presence
from kmodd.events.trigger import Look
from kmodd.model import DeviceMatch, When
from kmodd.names import ModuleName
from kmodd.shown import Condition, DaemonState
from tests.support.daemon import CONFIG, SimulatedDaemon, StubDevices, declare, play
from tests.support.simulated import Fault
from tests.support.simulated_kernel import module

NO_LIBUDEV = KmoddError(ErrorKind.FAILED, "libudev cannot be used", "install libudev1")
SERIAL = ModuleName("serial")


@pytest.fixture(autouse=True)
def _no_libudev(monkeypatch: pytest.MonkeyPatch) -> None:
    found = StubDevices.update

    def listen(_: StubDevices, matches: Iterable[DeviceMatch], _ready: object = ()) -> None:
        if list(matches):
            raise NO_LIBUDEV

    async def update(self: StubDevices, matches: Iterable[DeviceMatch], look: Look) -> Presence:
        listen(self, matches)
        return await found(self, matches, look)

    monkeypatch.setattr(StubDevices, "listen", listen)
    monkeypatch.setattr(StubDevices, "update", update)


def test_a_module_without_its_hardware_keeps_no_other_from_being_loaded(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[SERIAL] = [Fault(error=errno.ENODEV)]
        daemon.declare(declare("serial"))
        await daemon.second()
        assert daemon.status("serial").condition is Condition.WAITING_FOR_HARDWARE
        daemon.declare(declare("serial"), declare("dummy"))
        await daemon.look(CONFIG)
        assert daemon.status("dummy").condition is Condition.IN_SYNC
        assert daemon.snapshot.problem == str(NO_LIBUDEV)
        assert daemon.snapshot.state is DaemonState.DEGRADED

    serial, dummy = module("serial"), module("dummy")
    info = serial.info._replace(aliases=("acpi*:PNP0501:*",))
    play(tmp_path, scenario, modules=(replace(serial, info=info), dummy))


def test_who_asks_for_a_device_is_told(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("serial", when=When(devices=(DeviceMatch(subsystem="tty"),))))
        with pytest.raises(KmoddError, match="libudev cannot be used"):
            await daemon.reconciler.look_again(CONFIG)

    play(tmp_path, scenario)
