"""numdummies and other parameters that are taken at a load only: advice, reload, what is in its way."""

import signal

import pytest

from tests.support.guest.conditions import FileHolds, PathExists, module_live, parameter_is
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import Machine

FILE = "40-parameters.toml"
UP = "network interface dummy0, which is up"


def dummy(count: int, policy: str, state: str = "loaded") -> str:
    """A file that wants so many interfaces."""
    return (
        f'[module.dummy]\nstate = "{state}"\n'
        f'parameters.numdummies = {count}\non_parameter_change = "{policy}"\n'
    )


def interfaces(vm: Machine) -> list[str]:
    """Interfaces of dummy."""
    return [name for name in vm.names_in("/sys/class/net") if name.startswith("dummy")]


def numbered(count: int) -> list[str]:
    """Names of that many interfaces."""
    return [f"dummy{number}" for number in range(count)]


def three_dummies(vm: Machine, policy: str, state: str = "loaded") -> Bus:
    """kmodd, and dummy with three interfaces, loaded by kmodd or by somebody else."""
    vm.drop(FILE, dummy(3, policy, state))
    vm.start_daemon()
    bus = Bus(vm)
    if state == "auto":
        bus.wait_until_converged()
        vm.run("modprobe", "dummy").check()
    vm.wait_for(module_live("dummy"))
    if state == "loaded":
        bus.wait_until_converged()  # the kernel tells of it after it is live
    assert interfaces(vm) == numbered(3)
    return bus


def changes(vm: Machine, since: int) -> list[tuple[str, str]]:
    """What went in and out since event number ``since``."""
    return [(event.action, event.module) for event in vm.module_events(since)]


def test_numdummies_changed_with_write_is_reload_pending_with_the_advice(vm: Machine) -> None:
    bus = three_dummies(vm, "write")
    since = len(vm.module_events())
    vm.drop(FILE, dummy(5, "write"))
    bus.wait_for_condition("dummy", "reload-pending")
    assert bus.module("dummy", "Message").startswith("numdummies was loaded as '3', wanted '5'; ")
    assert 'on_parameter_change = "reload" lets kmodd do that' in bus.module("dummy", "Message")
    assert bus.call("Plan") == bus.call("Reconcile") == []
    assert changes(vm, since) == []
    assert interfaces(vm) == numbered(3)
    vm.run("rmmod", "dummy").check()  # whoever takes it out: it comes back as declared
    vm.wait_for(PathExists("/sys/class/net/dummy4"))
    bus.wait_for_condition("dummy", "in-sync")


@pytest.mark.parametrize("state", ["loaded", "auto"])
def test_numdummies_changed_with_reload_makes_more_interfaces(vm: Machine, state: str) -> None:
    """With "auto" nobody else would load it again, so kmodd does."""
    bus = three_dummies(vm, "reload", state)
    since = len(vm.module_events())
    vm.drop(FILE, dummy(5, "reload", state))
    vm.wait_for(PathExists("/sys/class/net/dummy4"))
    bus.wait_for_condition("dummy", "in-sync")
    assert interfaces(vm) == numbered(5)
    assert changes(vm, since) == [("remove", "dummy"), ("add", "dummy")]
    bus.wait_until_converged()
    assert bus.call("Reconcile") == []


@pytest.mark.parametrize("state", ["loaded", "auto"])
def test_numdummies_killed_between_unload_and_load_is_loaded_by_the_next_start(
    vm: Machine, state: str
) -> None:
    three_dummies(vm, "reload", state)
    vm.kill_at_event("remove", "dummy")
    vm.drop(FILE, dummy(5, "reload", state))
    assert vm.wait_for_end() == -signal.SIGKILL
    assert "dummy" not in vm.modules()
    vm.start_daemon()
    vm.wait_for(PathExists("/sys/class/net/dummy4"))
    Bus(vm).wait_for_condition("dummy", "in-sync")
    assert interfaces(vm) == numbered(5)


def test_numdummies_with_dummy0_up_waits_for_the_interface(vm: Machine) -> None:
    bus = three_dummies(vm, "reload")
    vm.run("ip", "link", "set", "dummy0", "up").check()
    vm.drop(FILE, dummy(5, "reload"))
    bus.wait_for_text("dummy", "Blockers", UP)
    assert bus.module("dummy", "Condition") == "reload-pending"
    assert bus.module("dummy", "Blockers") == [UP]
    assert f"a reload waits for {UP}" in bus.module("dummy", "Message")
    assert interfaces(vm) == numbered(3)
    vm.run("ip", "link", "set", "dummy0", "down").check()
    vm.wait_for(PathExists("/sys/class/net/dummy4"))
    bus.wait_for_condition("dummy", "in-sync")


FTP = """
[module.nf_conntrack_ftp]
parameters.ports = [{}]
on_parameter_change = "reload"
"""


def test_reload_takes_managed_holders_out_first_and_brings_them_back(vm: Machine) -> None:
    vm.drop(FILE, FTP.format("21"))
    vm.drop("50-holder.toml", "[module.nf_nat_ftp]\n")
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    assert vm.modules()["nf_conntrack_ftp"].holders == ("nf_nat_ftp",)
    since = len(vm.module_events())
    vm.drop(FILE, FTP.format("21, 2121"))
    vm.wait_for(parameter_is("nf_conntrack_ftp", "ports", "21,2121"))
    vm.wait_for(module_live("nf_nat_ftp"))
    bus.wait_until_converged()
    assert changes(vm, since) == [
        ("remove", "nf_nat_ftp"),
        ("remove", "nf_conntrack_ftp"),
        ("add", "nf_conntrack_ftp"),
        ("add", "nf_nat_ftp"),
    ]
    assert "warning: unload" not in vm.log()


def test_reload_killed_after_the_holder_brings_both_back(vm: Machine) -> None:
    vm.drop(FILE, FTP.format("21"))
    vm.drop("50-holder.toml", '[module.nf_nat_ftp]\nstate = "auto"\n')
    vm.start_daemon()
    vm.run("modprobe", "nf_nat_ftp").check()
    Bus(vm).wait_until_converged()
    vm.kill_at_event("remove", "nf_nat_ftp")
    vm.drop(FILE, FTP.format("21, 2121"))
    assert vm.wait_for_end() == -signal.SIGKILL
    assert "nf_nat_ftp" not in vm.modules()
    vm.start_daemon()
    vm.wait_for(parameter_is("nf_conntrack_ftp", "ports", "21,2121"))
    vm.wait_for(module_live("nf_nat_ftp"))


def test_reload_waits_for_a_holder_that_is_not_managed_and_names_it(vm: Machine) -> None:
    vm.drop(FILE, FTP.format("21"))
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    vm.run("modprobe", "nf_nat_ftp").check()
    since = len(vm.module_events())
    vm.drop(FILE, FTP.format("21, 2121"))
    bus.wait_for_condition("nf_conntrack_ftp", "reload-pending")
    assert bus.module("nf_conntrack_ftp", "Blockers") == ["nf_nat_ftp (not managed by kmodd)"]
    assert changes(vm, since) == []
    vm.run("rmmod", "nf_nat_ftp").check()
    vm.wait_for(parameter_is("nf_conntrack_ftp", "ports", "21,2121"))
    bus.wait_for_condition("nf_conntrack_ftp", "in-sync")


def test_reload_waits_for_references_that_nobody_accounts_for(vm: Machine) -> None:
    """A configured loop device holds loop, and nothing in /proc or /sys says that it does."""
    text = '[module.loop]\nparameters.max_part = {}\non_parameter_change = "reload"\n'
    vm.drop(FILE, text.format(3))
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    vm.write("/var/tmp/disk", b"\0" * 65536)
    vm.run("losetup", "/dev/loop0", "/var/tmp/disk").check()
    vm.drop(FILE, text.format(7))
    bus.wait_for_condition("loop", "reload-pending")
    assert bus.module("loop", "Blockers") == ["unattributed: 1"]
    vm.run("losetup", "--detach", "/dev/loop0").check()
    vm.wait_for(parameter_is("loop", "max_part", "7"))


def test_reload_takes_references_that_come_with_a_holder_for_the_holders(vm: Machine) -> None:
    """ip_vs_rr takes a reference to ip_vs beside the one of a holder; both go with it."""
    text = (
        '[module.ip_vs]\nparameters.conn_tab_bits = {}\non_parameter_change = "reload"\n[module.ip_vs_rr]\n'
    )
    vm.drop(FILE, text.format(10))
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    assert vm.modules()["ip_vs"].refcount == 2
    vm.drop(FILE, text.format(11))
    vm.wait_for(parameter_is("ip_vs", "conn_tab_bits", "11"))
    bus.wait_until_converged()
    assert "ip_vs_rr" in vm.modules()


def test_module_that_can_never_be_unloaded_is_reboot_pending(vm: Machine) -> None:
    vm.drop(FILE, '[module.ipv6]\nparameters.autoconf = 0\non_parameter_change = "reload"\n')
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("ipv6", "reboot-pending")
    assert "it can never be unloaded" in bus.module("ipv6", "Message")
    assert bus.module("ipv6", "Drift") == [["autoconf", "0", "1"]]


@pytest.mark.shows("P2")
def test_parameter_loaded_by_somebody_else_is_unverifiable_until_kmodd_loads_it(vm: Machine) -> None:
    """numdummies cannot be read, so that only a load of kmodd's own can be believed."""
    vm.insert("dummy")
    vm.drop(FILE, dummy(3, "write"))
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("dummy", "unverifiable")
    vm.run("rmmod", "dummy").check()
    vm.wait_for(module_live("dummy"))
    bus.wait_for_condition("dummy", "in-sync")
    assert vm.stop_daemon() == 0
    vm.start_daemon()
    bus.wait_for_condition("dummy", "in-sync")  # what kmodd did outlives it
    vm.wait_for(FileHolds("/proc/modules", "^dummy "))
    assert interfaces(vm) == numbered(3)
