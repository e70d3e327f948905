"""Files in, modules in, with their parameters; a broken file takes nothing down (shown 1, 2 and 6)."""

import pytest

from tests.support.guest.conditions import PathExists, module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import Machine

DUMMY = "[module.dummy]\nparameters = { numdummies = 3 }\n"


def test_1_dropped_file_makes_three_dummy_interfaces(vm: Machine) -> None:
    vm.start_daemon()
    assert "dummy" not in vm.modules()
    vm.drop("40-dummy.toml", DUMMY)
    for number in range(3):
        vm.wait_for(PathExists(f"/sys/class/net/dummy{number}"))
    assert not vm.holds_within(PathExists("/sys/class/net/dummy3"), 0)
    Bus(vm).wait_for_condition("dummy", "in-sync")


@pytest.mark.parametrize("directory", ["/etc/kmodd.d", "/run/kmodd.d", "/usr/local/lib/kmodd.d"])
def test_1_directory_created_later(vm: Machine, directory: str) -> None:
    vm.remove("/etc/kmodd.d")
    vm.start_daemon()
    vm.run("mkdir", "-p", directory).check()
    vm.drop("40-dummy.toml", DUMMY, directory=directory)
    vm.wait_for(PathExists("/sys/class/net/dummy2"))
    vm.remove(directory)


def test_1_higher_directory_hides_and_a_mask_ends_it(vm: Machine) -> None:
    vm.drop("40-dummy.toml", "[module.dummy]\nparameters.numdummies = 5\n", directory="/run/kmodd.d")
    vm.drop("40-dummy.toml", DUMMY)
    vm.link("/etc/kmodd.d/50-masked.toml", "/dev/null")
    vm.drop("50-masked.toml", "[module.veth]\n", directory="/run/kmodd.d")
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    assert "veth" not in vm.modules()
    assert not vm.holds_within(PathExists("/sys/class/net/dummy3"), 0)
    assert ["parameters.numdummies", "3", 2, "/etc/kmodd.d/40-dummy.toml"] in bus.call(
        "Explain", "s", "dummy"
    )


def test_2_parameters_of_every_kind_as_the_kernel_reads_them(vm: Machine) -> None:
    vm.drop(
        "40-parameters.toml",
        """
        [module.scsi_debug]
        parameters = { clustering = true, dev_size_mb = 16, inq_vendor = "Ki Mo", opts = 0x4, add_host = 0 }
        [module.nf_conntrack_tftp]
        parameters.ports = [69, 6969]
        [module.i2c_stub]
        parameters.chip_addr = [0x10, 0x2a]
        [module.nf_conntrack_amanda]
        parameters = { ts_algo = "bm" }
        [module.nf_conntrack_ftp]
        parameters.loose = true
        """,
    )
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    found = {
        ("scsi_debug", "clustering"): "Y",
        ("scsi_debug", "dev_size_mb"): "16",
        ("scsi_debug", "inq_vendor"): "Ki Mo",
        ("scsi_debug", "opts"): "4",
        ("nf_conntrack_tftp", "ports"): "69,6969",
        ("i2c_stub", "chip_addr"): "16,42,0,0,0,0,0,0,0,0",
        ("nf_conntrack_amanda", "ts_algo"): "bm",
        ("nf_conntrack_ftp", "loose"): "Y",
    }
    assert {key: vm.parameter(*key) for key in found} == found
    assert bus.module("scsi_debug", "Parameters")["inq_vendor"] == "Ki Mo"
    for module in sorted({module for module, _ in found}):
        assert bus.module(module, "Condition") == "in-sync"


@pytest.mark.shows("P2")
def test_2_parameter_that_the_kernel_ignores_is_not_in_sync(vm: Machine) -> None:
    vm.drop("40-typo.toml", "[module.dummy]\nparameters.numdumies = 3\n")
    vm.start_daemon()
    bus = Bus(vm)
    vm.wait_for(module_live("dummy"))
    bus.wait_for_condition("dummy", "failed")
    assert bus.module("dummy", "Message").startswith("bad-parameter: ")
    bus.wait_for_state("degraded")


@pytest.mark.shows("P7")
def test_6_broken_file_beside_good_ones(vm: Machine) -> None:
    vm.drop("40-dummy.toml", DUMMY)
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_state("converged")
    vm.drop("50-broken.toml", '[module.veth]\nstaet = "loaded"\n')
    vm.drop("60-good.toml", "[module.ifb]\n")
    vm.wait_for(module_live("ifb"))
    bus.wait_for_state("degraded")
    issues = bus.manager("ConfigIssues")
    file, line, column, message = issues[0]
    assert (file, line, column) == ("/etc/kmodd.d/50-broken.toml", 2, 1)
    assert "staet" in message
    assert "/etc/kmodd.d/50-broken.toml:2:1: unknown key" in vm.log()
    assert "state" in message
    assert bus.module("dummy", "Condition") == "in-sync"
    assert "veth" not in vm.modules()
    refused = vm.busctl("call", "org.kmodd1", "/org/kmodd1", "org.kmodd1.Manager", "Reload")
    assert refused.status != 0
    assert "/etc/kmodd.d/50-broken.toml:2:1" in refused.stderr
    vm.drop("50-broken.toml", '[module.veth]\nstate = "loaded"\n')
    vm.wait_for(module_live("veth"))
    bus.wait_for_state("converged")
    assert bus.manager("ConfigIssues") == []


@pytest.mark.shows("P7")
def test_6_last_good_version_of_a_file_stays_in_force_after_a_restart(vm: Machine) -> None:
    vm.drop("40-dummy.toml", DUMMY)
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    vm.drop("40-dummy.toml", "[module.dummy\n")
    bus.wait_for_state("degraded")
    assert vm.stop_daemon() == 0
    vm.run("rmmod", "dummy").check()
    vm.start_daemon()
    vm.wait_for(PathExists("/sys/class/net/dummy2"))
    bus.wait_for_state("degraded")
