"""Directories that kmodd writes to are full or read-only: said, degraded, and the kernel stays as it is."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.guest.conditions import BUS_NAME, FileHolds, module_absent, module_live
from tests.support.guest.daemon_bus import MANAGER, MANAGER_PATH, Bus
from tests.support.uml.machine import DAEMON_LOG, Machine

FAULTS = {"full": "No space left on device", "read-only": "Read-only file system"}
DUMMY = "[module.dummy]\nparameters.numdummies = 2\n"
pytestmark = pytest.mark.parametrize("fault", FAULTS)


@contextmanager
def spoilt(vm: Machine, directory: str, fault: str) -> Iterator[None]:
    """Nothing more can be written there; behind the block it can."""
    vm.run("mkdir", "-p", directory).check()
    if fault == "full":
        vm.run("mount", "-t", "tmpfs", "-o", "size=8k,nr_inodes=2", "tmpfs", directory).check()
        assert vm.run("sh", "-c", f"head -c 100000 /dev/zero > {directory}/full").status != 0
    else:
        vm.run("mount", "--bind", directory, directory).check()
        vm.run("mount", "-o", "remount,bind,ro", directory).check()
    try:
        yield
    finally:
        vm.run("umount", directory).check()


@pytest.fixture
def bus(vm: Machine) -> Iterator[Bus]:
    """kmodd at rest, with a module that it has loaded; it outlives the test, without a traceback."""
    vm.drop("40-dummy.toml", DUMMY)
    daemon = vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    instance = instance_of(vm, "dummy")
    yield bus
    bus.call("Reload")
    bus.wait_for_state("converged")
    assert instance_of(vm, "dummy") == instance
    assert vm.pid_of("daemon") == daemon
    assert "Traceback" not in vm.log()


def instance_of(vm: Machine, module: str) -> str:
    """Another one after every load."""
    return vm.run("stat", "--format=%i", f"/sys/module/{module}").check().stdout


def refusal(vm: Machine, member: str, *arguments: str) -> str:
    """What busctl says of a call that fails."""
    answer = vm.busctl("call", BUS_NAME, MANAGER_PATH, MANAGER, member, *arguments)
    assert answer.status == 1, answer
    return answer.stderr


@pytest.mark.shows("fault: full disk")
def test_where_a_boot_is_remembered(vm: Machine, bus: Bus, fault: str) -> None:
    """No catalog, no override, no pause and no checkpoint; what is declared is kept up all the same."""
    with spoilt(vm, "/run/kmodd", fault):
        vm.drop("50-ifb.toml", "[module.ifb]\n")
        vm.wait_for(FileHolds(DAEMON_LOG, FAULTS[fault]))
        bus.wait_for_state("degraded")
        assert FAULTS[fault] in refusal(vm, "Reload")
        for member, arguments in (
            ("Pause", ()),
            ("CreateCheckpoint", ("u", "60")),
            ("SetOverride", ("sa{sv}", "veth", "0")),
        ):
            assert FAULTS[fault] in refusal(vm, member, *arguments), member
        assert bus.manager("Paused") is False
        assert not {"ifb", "veth"} & vm.modules().keys()
        assert vm.names_in("/run/kmodd.d") == ()
        assert bus.module("dummy", "Condition") == "in-sync"
        vm.remove_file("50-ifb.toml")


@pytest.mark.shows("fault: full disk")
def test_where_it_is_remembered_what_is_loaded(vm: Machine, bus: Bus, fault: str) -> None:
    """What somebody takes out is loaded again, though a restart will not know whose load that was."""
    vm.drop("50-veth.toml", "[module.veth]\n")
    vm.wait_for(module_live("veth"))
    bus.wait_until_converged()
    with spoilt(vm, "/run/kmodd", fault):
        vm.run("rmmod", "veth").check()
        vm.wait_for(module_live("veth"))
        vm.wait_for(FileHolds(DAEMON_LOG, FAULTS[fault]))
        bus.wait_for_condition("veth", "in-sync")


@pytest.mark.shows("fault: full disk", "fault: no room for intents")
def test_where_boots_are_remembered(vm: Machine, bus: Bus, fault: str) -> None:
    """Intents and last good versions: loaded all the same, degraded until it can be written down again."""
    with spoilt(vm, "/var/lib/kmodd", fault):
        vm.drop("50-ifb.toml", "[module.ifb]\n")
        vm.wait_for(module_live("ifb"))
        bus.wait_for_state("degraded")
        vm.wait_for(FileHolds(DAEMON_LOG, f"(written down first|not that it was).*{FAULTS[fault]}"))
        assert any("last good versions cannot be kept" in row[3] for row in bus.manager("ConfigIssues"))


@pytest.mark.shows("fault: full disk")
def test_where_modprobe_looks(vm: Machine, bus: Bus, fault: str) -> None:
    """A denial that cannot be written is not claimed, and holds up nothing else."""
    with spoilt(vm, "/etc/modprobe.d", fault):
        vm.drop("50-denied.toml", '[module.f2fs]\nstate = "denied"\n[module.ifb]\n')
        vm.wait_for(module_live("ifb"))
        vm.wait_for(FileHolds(DAEMON_LOG, FAULTS[fault]))
        bus.wait_for_state("degraded")
        assert bus.module("f2fs", "Condition") != "denied"
        assert bus.module("ifb", "Condition") == "in-sync"
    vm.wait_for(module_absent("f2fs"))


@pytest.mark.shows("fault: full disk")
def test_where_overrides_lie(vm: Machine, bus: Bus, fault: str) -> None:
    """An override that cannot be written has changed nothing; one that cannot be removed still holds."""
    bus.call("SetOverride", "sa{sv}", "veth", "0")
    vm.wait_for(module_live("veth"))
    with spoilt(vm, "/run/kmodd.d", fault):
        assert FAULTS[fault] in refusal(vm, "SetOverride", "sa{sv}", "ifb", "0")
        assert "ifb" not in vm.modules()
    bus.call("Reload")
    assert bus.module("veth", "Condition") == "in-sync"
    bus.call("ClearOverride", "s", "veth")
