"""when: each condition both ways and negated; devices that come and go, also while kmodd is away."""

import pytest

from tests.support.guest.conditions import FileHolds, module_absent, module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import DAEMON_LOG, Machine

FILE = "40-when.toml"
DISK = '{ subsystem = "scsi", modalias = "scsi:t-0x00*" }'

CONDITIONS = (
    ("kernel", ">=6.1", True),
    ("kernel", "6.1.*", True),
    ("kernel", "> 6.0 < 7", True),
    ("kernel", "<6.1", False),
    ("architecture", "x86-64", True),
    ("architecture", "arm64", False),
    ("virtualization", "uml", True),
    ("virtualization", "vm", True),
    ("virtualization", "kvm", False),
    ("virtualization", "container", False),
    ("path_exists", "/etc/passwd", True),
    ("path_exists", "/sys/module/ipv6", True),
    ("path_exists", "/nowhere", False),
    ("kernel_command_line", "rootfstype=hostfs", True),
    ("kernel_command_line", "rootfstype", True),
    ("kernel_command_line", "rootfstype=ext4", False),
    ("kernel_command_line", "quiet", False),
    ("dmi", "sys_vendor=LENOVO", False),
)


def spare_modules(vm: Machine, count: int) -> list[str]:
    """Names of small modules that nothing else is about: the kernel's tables of characters."""
    release = vm.run("uname", "-r").check().stdout.strip()
    files = vm.names_in(f"/lib/modules/{release}/kernel/fs/nls")
    # Some extend another one, and bring it along.
    names = [file.removesuffix(".ko").replace("-", "_") for file in files if file.startswith("nls_")]
    return [name for name in names if name not in ("nls_euc_jp", "nls_cp932")][:count]


def test_each_condition_both_ways_and_negated(vm: Machine) -> None:
    """A table of modules, one for each line of CONDITIONS and one for its negation, in one pass."""
    rows = [
        *CONDITIONS,
        *((key, f"!{entry}", not holds) for key, entry, holds in CONDITIONS),
    ]
    names = spare_modules(vm, len(rows))
    tables = [f"[module.{name}]\nwhen.{row[0]} = '{row[1]}'\n" for name, row in zip(names, rows, strict=True)]
    vm.drop(FILE, "".join(tables))
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    shown = {
        name: (state, condition, message) for name, _, state, condition, message in bus.call("ListModules")
    }
    for name, (key, entry, holds) in zip(names, rows, strict=True):
        sentence = "declared" if holds else f"when.{key} = '{entry}' does not hold"
        codes = ("loaded", "in-sync") if holds else ("not-loaded", "condition-unmet")
        assert shown[name] == (*codes, sentence), (key, entry)


def test_all_conditions_have_to_hold(vm: Machine) -> None:
    vm.drop(
        FILE,
        """
        [module.ifb]
        when = { kernel = [">=6", "<7"], virtualization = "uml", architecture = "!arm64" }
        [module.veth]
        when = { kernel = [">=6", "<6.1"], virtualization = "uml" }
        """,
    )
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    assert {"ifb"} == {"ifb", "veth"} & vm.modules().keys()
    assert bus.module("veth", "Message") == "when.kernel = '<6.1' does not hold"


def test_path_exists_that_appears_and_goes_without_a_restart(vm: Machine) -> None:
    vm.drop(
        FILE, '[module.ifb]\nwhen.path_exists = "/tmp/a/b"\n[module.veth]\nwhen.path_exists = "!/tmp/a/b"\n'
    )
    vm.start_daemon()
    bus = Bus(vm)
    vm.wait_for(module_live("veth"))
    bus.wait_for_condition("ifb", "condition-unmet")
    vm.run("mkdir", "/tmp/a").check()
    vm.run("touch", "/tmp/a/b").check()
    vm.wait_for(module_live("ifb"))
    bus.wait_for_condition("veth", "condition-unmet")
    assert "veth" in vm.modules()  # nobody loads it now; nobody takes it out
    vm.run("rmmod", "veth").check()
    bus.call("Reconcile")
    assert "veth" not in vm.modules()
    vm.remove("/tmp/a")
    vm.wait_for(module_live("veth"))
    bus.wait_for_condition("ifb", "condition-unmet")


def test_denied_with_a_condition_is_denied_only_while_it_holds(vm: Machine) -> None:
    vm.drop(FILE, '[module.f2fs]\nstate = "denied"\nwhen.path_exists = "/tmp/strict"\n')
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("f2fs", "condition-unmet")
    vm.run("modprobe", "f2fs").check()
    vm.run("touch", "/tmp/strict").check()
    vm.wait_for(module_absent("f2fs"))
    bus.wait_for_condition("f2fs", "denied")
    assert vm.run("modprobe", "f2fs").status != 0
    vm.remove("/tmp/strict")
    bus.wait_for_condition("f2fs", "condition-unmet")
    vm.run("modprobe", "f2fs").check()


@pytest.mark.parametrize("when_gone", ["unload", "keep"])
def test_when_gone_by_removing_the_scsi_host(vm: Machine, when_gone: str) -> None:
    vm.drop(FILE, f'[module.ifb]\nwhen.device = {DISK}\nwhen_gone = "{when_gone}"\n[module.veth]\n')
    vm.start_daemon()
    bus = Bus(vm)
    vm.wait_for(module_live("veth"))
    bus.wait_for_message("ifb", "no matching device is present")
    assert "ifb" not in vm.modules()
    for _ in range(2):
        vm.plug_scsi()
        vm.wait_for(module_live("ifb"))
        bus.wait_for_condition("ifb", "in-sync")
        vm.unplug_scsi()
        bus.wait_for_condition("ifb", "condition-unmet")
        if when_gone == "unload":
            vm.wait_for(module_absent("ifb"))
        else:
            bus.call("Reconcile")
            assert "ifb" in vm.modules()
            vm.run("rmmod", "ifb").check()


def test_when_gone_of_one_of_two_devices_changes_nothing(vm: Machine) -> None:
    vm.drop(FILE, f'[module.ifb]\nwhen.device = {DISK}\nwhen_gone = "unload"\n')
    vm.start_daemon()
    vm.plug_scsi()
    vm.plug_scsi()
    vm.wait_for(module_live("ifb"))
    vm.unplug_scsi()
    vm.settle()
    Bus(vm).call("Reconcile")
    assert "ifb" in vm.modules()
    vm.unplug_scsi()
    vm.wait_for(module_absent("ifb"))


def test_when_gone_while_kmodd_is_away_is_made_up_for(vm: Machine) -> None:
    vm.drop(FILE, f'[module.ifb]\nwhen.device = {DISK}\nwhen_gone = "unload"\n')
    vm.start_daemon()
    vm.plug_scsi()
    vm.wait_for(module_live("ifb"))
    Bus(vm).wait_for_condition("ifb", "in-sync")
    assert vm.stop_daemon() == 0
    vm.unplug_scsi()
    vm.settle()
    vm.start_daemon()
    vm.wait_for(module_absent("ifb"))
    Bus(vm).wait_for_condition("ifb", "condition-unmet")


def test_when_gone_leaves_what_was_there_before_any_device(vm: Machine) -> None:
    """Whose device kmodd has never seen is not taken out for its absence."""
    vm.run("modprobe", "ifb").check()
    vm.drop(FILE, f'[module.ifb]\nwhen.device = {DISK}\nwhen_gone = "unload"\n')
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("ifb", "condition-unmet")
    bus.call("Reconcile")
    assert "ifb" in vm.modules()


ENODEV = "load i2c_stub: failed: init-error: the module found no device"
"""i2c_stub without addresses finds no device, however often it is asked."""


@pytest.mark.shows("fault: ENODEV")
def test_enodev_waits_for_hardware_and_is_retried_on_a_matching_uevent_only(vm: Machine) -> None:
    vm.drop(FILE, f'[module.i2c_stub]\nwhen.device = {DISK}\n[module.ifb]\nwhen.device.subsystem = "block"\n')
    vm.start_daemon()
    bus = Bus(vm)
    vm.run("modprobe", "scsi_debug", "add_host=0", "no_uld=1").check()  # a disk without a block device
    vm.plug_scsi()
    bus.wait_for_condition("i2c_stub", "waiting-for-hardware")
    vm.settle()
    bus.call("Reconcile")
    tries = vm.log().count(ENODEV)
    assert tries in (1, 2), "when the kernel told of the device, and when udevd had looked at it"
    assert bus.module("i2c_stub", "NextRetryUSec") == 0
    assert bus.manager("State") == "converged"
    vm.run("modprobe", "brd").check()
    vm.wait_for(module_live("ifb"))  # by events of other devices, all of them heard
    vm.settle()
    vm.run("rmmod", "ifb").check()
    vm.wait_for(module_live("ifb"))
    assert vm.log().count(ENODEV) == tries
    vm.plug_scsi()
    vm.wait_for(FileHolds(DAEMON_LOG, rf"({ENODEV}(.|\n)*){{{tries + 1}}}"))
    vm.settle()
    bus.call("Reconcile")
    assert vm.log().count(ENODEV) in (tries + 1, tries + 2)


def test_enodev_is_retried_when_the_configuration_changes(vm: Machine) -> None:
    vm.drop(FILE, "[module.i2c_stub]\n")
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("i2c_stub", "waiting-for-hardware")
    vm.plug_scsi()
    vm.settle()
    vm.run("modprobe", "veth").check()
    vm.drop("50-more.toml", "[module.ifb]\n")
    bus.wait_for_condition("ifb", "in-sync")
    vm.drop(FILE, "[module.i2c_stub]\nparameters.chip_addr = 0x20\n")
    bus.wait_for_condition("i2c_stub", "in-sync")
    assert vm.log().count(ENODEV) <= 2  # once for each configuration
