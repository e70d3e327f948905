"""What happens behind kmodd's back: modules removed, devices plugged, events lost (shown 4)."""

import signal

import pytest

from tests.support.guest.conditions import module_absent, module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import Machine

SMALL_BUFFER = ("setpriv", "--bounding-set=-net_admin")
"""Without CAP_NET_ADMIN the receive buffer is the default one, which holds some hundred events."""

DISK = """
[module.ifb]
when.device = { subsystem = "scsi", modalias = "scsi:t-0x00*" }
"""


def test_4_removed_from_outside_is_loaded_again(vm: Machine) -> None:
    vm.drop("40-dummy.toml", "[module.dummy]\n")
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    for _ in range(3):
        since = len(vm.module_events())
        vm.run("rmmod", "dummy").check()
        vm.wait_for(module_live("dummy"))
        assert [event.action for event in vm.module_events(since)] == ["remove", "add"]
    bus.wait_until_converged()


def test_4_removed_together_with_what_it_needs_is_loaded_again(vm: Machine) -> None:
    """kmodd answers the first removal while modprobe makes the next, so that its load finds symbols gone."""
    vm.drop("40-rr.toml", "[module.ip_vs_rr]\n")
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    for _ in range(5):
        vm.run("modprobe", "-r", "ip_vs_rr")  # fails where kmodd was faster
        bus.call("Reconcile")
        for name in ("ip_vs", "ip_vs_rr"):
            vm.wait_for(module_live(name))
    bus.wait_until_converged()


def test_4_several_removed_at_once_are_all_loaded_again(vm: Machine) -> None:
    """A load that kmodd begins between the removals finds its symbols gone; that failure does not stand."""
    names = ("ip_vs_rr", "ip_vs_wrr", "ip_vs")
    vm.drop("40-balance.toml", "".join(f"[module.{name}]\n" for name in names))
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    for _ in range(3):
        vm.run("rmmod", *names)
        for name in names:
            vm.wait_for(module_live(name))
        bus.wait_until_converged()


@pytest.mark.shows("P9")
def test_4_what_nobody_declared_stays_removed_and_stays_loaded(vm: Machine) -> None:
    vm.run("modprobe", "veth").check()
    vm.drop("40-dummy.toml", "[module.dummy]\n")
    vm.start_daemon()
    Bus(vm).wait_until_converged()
    vm.run("rmmod", "veth").check()
    Bus(vm).call("Reconcile")
    assert "veth" not in vm.modules()
    vm.run("modprobe", "veth").check()
    Bus(vm).call("Reconcile")
    assert "veth" in vm.modules()


def test_4_device_through_udevd(vm: Machine) -> None:
    vm.drop("40-disk.toml", DISK)
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("ifb", "condition-unmet")
    assert "ifb" not in vm.modules()
    vm.plug_scsi()
    vm.wait_for(module_live("ifb"))
    bus.wait_for_condition("ifb", "in-sync")


def test_4_device_that_udevd_has_not_looked_at_yet(vm: Machine) -> None:
    vm.drop("40-disk.toml", DISK)
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("ifb", "condition-unmet")
    vm.run("udevadm", "control", "--stop-exec-queue").check()
    try:
        vm.plug_scsi()
        vm.wait_for(module_live("ifb"))
    finally:
        vm.run("udevadm", "control", "--start-exec-queue").check()
    vm.settle()
    bus.wait_for_condition("ifb", "in-sync")


def test_4_device_by_each_kind_of_match(vm: Machine) -> None:
    vm.drop(
        "40-matches.toml",
        """
        [module.ifb]
        when.device = { driver = "sd", subsystem = "scsi" }
        [module.veth]
        when.device = { subsystem = "block", properties = { DEVTYPE = "disk", ID_VENDOR = "Linux*" } }
        [module.dummy]
        when.device = [
            { subsystem = "usb" },
            { subsystem = "scsi", attributes = { vendor = "Linux*", model = "scsi_debug*" } },
        ]
        [module.nlmon]
        when.device = { subsystem = "scsi", attributes = { vendor = "Other" } }
        """,
    )
    vm.start_daemon()
    assert not {"ifb", "veth", "dummy", "nlmon"} & vm.modules().keys()
    vm.run("modprobe", "sd_mod").check()
    vm.plug_scsi()
    for name in ("ifb", "veth", "dummy"):
        vm.wait_for(module_live(name))
    Bus(vm).call("Reconcile")
    assert "nlmon" not in vm.modules()


def test_4_device_that_was_there_before(vm: Machine) -> None:
    vm.plug_scsi()
    vm.settle()
    vm.drop("40-disk.toml", DISK)
    vm.start_daemon()
    vm.wait_for(module_live("ifb"))


def test_4_device_without_udevd(vm: Machine) -> None:
    vm.stop_service("udevd")
    vm.remove("/run/udev/control")
    vm.drop("40-disk.toml", DISK)
    vm.start_daemon()
    vm.plug_scsi()
    vm.wait_for(module_live("ifb"))


@pytest.mark.shows("P6", "fault: lost events")
def test_4_device_after_an_overflow_of_the_socket(vm: Machine) -> None:
    """The daemon is stopped while more events come than its buffer holds; the plug is among the lost ones.

    What asks for an attribute hears of a device from udevd only.
    """
    vm.drop(
        "40-disk.toml",
        """
        [module.ifb]
        when.device = { subsystem = "scsi", attributes = { vendor = "Linux*" } }
        [module.veth]
        when.device = { subsystem = "mem" }
        """,
    )
    daemon = vm.start_daemon(wrapper=SMALL_BUFFER)
    vm.wait_for(module_live("veth"))
    vm.run("modprobe", "scsi_debug", "add_host=0").check()
    vm.send_signal(daemon, signal.SIGSTOP)
    flood(vm)
    vm.plug_scsi()
    vm.settle()
    vm.send_signal(daemon, signal.SIGCONT)
    vm.wait_for(module_live("ifb"))
    assert "events were lost" in vm.log()


@pytest.mark.shows("P6")
def test_4_module_removed_during_an_overflow(vm: Machine) -> None:
    vm.drop("40-dummy.toml", '[module.dummy]\n[module.veth]\nwhen.device = { subsystem = "mem" }\n')
    daemon = vm.start_daemon(wrapper=SMALL_BUFFER)
    vm.wait_for(module_live("dummy"))
    Bus(vm).wait_until_converged()
    vm.send_signal(daemon, signal.SIGSTOP)
    flood(vm)
    vm.run("rmmod", "dummy").check()
    vm.wait_for(module_absent("dummy"))
    vm.send_signal(daemon, signal.SIGCONT)
    vm.wait_for(module_live("dummy"))


def flood(vm: Machine) -> None:
    """More events of a subsystem that the test declares than fit the socket of a stopped daemon."""
    script = (
        "import pathlib\n"
        "files = list(pathlib.Path('/sys/class/mem').glob('*/uevent'))\n"
        "for _ in range(100):\n"
        "    for file in files:\n"
        "        file.write_text('change')\n"
    )
    vm.run("python3", "-c", script, timeout_s=120.0).check()
    vm.settle()
