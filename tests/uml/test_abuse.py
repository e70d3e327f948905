"""The bus of a real kernel under attack: by a user without rights, and by hostile text from root."""

import json
import signal

import pytest

from tests.support.guest.conditions import module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.guest.footprint import PLACES, PROGRAM, assert_bounded, flood, footprint
from tests.support.uml.machine import Machine
from tests.support.uml.process import REPOSITORY

PYTHON = str(REPOSITORY / ".venv/bin/python")
ABUSE = (PYTHON, str(PROGRAM))
DUMMY = "[module.dummy]\nparameters.numdummies = 2\n"
NOT_AUTHORIZED = "org.kmodd1.Error.NotAuthorized"
LIMITS = "org.freedesktop.DBus.Error.LimitsExceeded"
MOUNTS = """
import ctypes, os, tempfile
libc = ctypes.CDLL(None, use_errno=True)
def check(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
check(libc.unshare(0x10020000))  # CLONE_NEWUSER | CLONE_NEWNS
for name, text in (("setgroups", "deny"), ("uid_map", "0 65534 1"), ("gid_map", "0 65534 1")):
    with open(f"/proc/self/{name}", "w") as file:
        file.write(text)
directory = tempfile.mkdtemp().encode()
for _ in range(500):
    fuse = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0".encode()
    check(libc.mount(b"none", directory, b"fuse", 0, options))
    check(libc.umount2(directory, 2))
    os.close(fuse)
print(500)
"""


@pytest.fixture
def daemon(vm: Machine) -> int:
    """kmodd at rest with a module in; its pid."""
    vm.run("mkdir", "-p", *PLACES).check()
    vm.drop("40-dummy.toml", DUMMY)
    pid = vm.start_daemon()
    Bus(vm).wait_until_converged()
    return pid


@pytest.mark.shows("P11", "security 1", "security 7")
def test_a_user_without_rights_costs_little_and_changes_nothing(vm: Machine, daemon: int) -> None:
    bus = Bus(vm)
    flood(vm, *ABUSE, rounds=1)  # what it needs once is there
    before, since = footprint(vm, daemon), len(vm.module_events())
    abuse = flood(vm, *ABUSE, rounds=1)
    assert bus.call("Reconcile") == []
    after = footprint(vm, daemon)
    print(f"{abuse}; {before}; {after}")
    assert abuse.asked > 0
    assert abuse.outcomes.keys() >= {NOT_AUTHORIZED, LIMITS, "answered"}
    assert_bounded(before, after)
    assert len(vm.module_events()) == since
    assert bus.manager("Paused") is False
    assert vm.modules().keys() >= {"dummy"}
    assert "Traceback" not in vm.log()


@pytest.mark.shows("P11")
def test_events_that_a_user_makes_cost_little(vm: Machine, daemon: int) -> None:
    """Mounts in a user namespace of his own make events of the kernel, of a kind that a file asks for."""
    vm.drop("50-veth.toml", '[module.veth]\nwhen.device = { subsystem = "bdi" }\n')
    vm.run("modprobe", "fuse").check()
    vm.settle()
    bus = Bus(vm)
    bus.call("Reload")
    bus.wait_until_converged()
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    before, since = footprint(vm, daemon), len(vm.module_events())
    made = vm.run(*nobody, "python3", "-c", MOUNTS, timeout_s=120.0).check().stdout
    vm.settle()
    assert bus.call("Reconcile") == []
    after = footprint(vm, daemon)
    print(f"{made.strip()} mounts; {before}; {after}")
    assert_bounded(before, after)
    assert len(vm.module_events()) == since


@pytest.mark.shows("security 3", "security 4", "security 8")
def test_hostile_text_reaches_no_log_no_file_and_no_command_line(vm: Machine, daemon: int) -> None:
    bus = Bus(vm)
    outcomes = json.loads(vm.run(*ABUSE, "hostile", timeout_s=120.0).check().stdout)
    print(outcomes)
    log = vm.log()
    assert log == "".join(line for line in log.splitlines(keepends=True) if is_plain(line))
    assert set(vm.names_in("/run/kmodd.d")) <= {"zz-override-dummy.toml"}
    for place in ("/etc/modprobe.d", "/run/modprobe.d", "/run/kmodd.d"):
        for name in vm.names_in(place):
            text = vm.read(f"{place}/{name}")
            assert all(line.isprintable() for line in text.split("\n")), (name, text)
            assert "[module.nlmon]" not in text.split("\n")
    assert "nlmon" not in vm.modules()
    assert not {row[0] for row in bus.call("ListModules")} - {"dummy"}
    assert vm.pid_of("daemon") == daemon
    vm.run("busctl", "call", "org.kmodd1", "/org/kmodd1", "org.kmodd1.Manager", "ClearOverride", "s", "dummy")
    bus.wait_for_state("converged")


def is_plain(line: str) -> bool:
    """One line of kmodd's own, which no terminal obeys."""
    return line.startswith("kmodd: ") and line.endswith("\n") and line[:-1].isprintable()


@pytest.mark.shows("fault: SIGHUP")
def test_a_thousand_reloads_are_few_passes(vm: Machine, daemon: int) -> None:
    bus = Bus(vm)
    since = len(vm.notifications())
    vm.drop("50-ifb.toml", "[module.ifb]\n")
    vm.run("sh", "-c", f"i=0; while [ $i -lt 1000 ]; do kill -HUP {daemon}; i=$((i+1)); done").check()
    vm.wait_for(module_live("ifb"))
    bus.wait_until_converged()
    bus.call("Reload")
    reloads = vm.notifications()[since:].count("RELOADING=1")
    print(f"{reloads} reloads were told of 1000 signals")
    assert 1 <= reloads < 100
    assert vm.pid_of("daemon") == daemon


@pytest.mark.shows("fault: clock")
def test_a_jump_of_the_wall_clock_moves_no_timer(vm: Machine, daemon: int) -> None:
    """A checkpoint of a day stands when the clock says that a year has gone, and again when it goes back."""
    bus = Bus(vm)
    checkpoint = bus.call("CreateCheckpoint", "u", "86400")
    for jump in ("+1 year", "-2 years"):
        vm.run("date", "--set", jump).check()
        bus.call("Reconcile")
        assert "is rolled back" not in vm.log()
    bus.call("Commit", "s", checkpoint)
    vm.run("rmmod", "dummy").check()
    vm.wait_for(module_live("dummy"))
    bus.wait_for_condition("dummy", "in-sync")
    vm.send_signal(daemon, signal.SIGHUP)
    bus.wait_for_state("converged")


@pytest.mark.shows("P1", "P9")
def test_when_all_is_as_declared_looking_again_changes_nothing(vm: Machine, daemon: int) -> None:
    """No module event, no process, no file written anew; what nobody declared stays as it is."""
    bus = Bus(vm)
    vm.run("modprobe", "scsi_debug", "add_host=0", "delay=7").check()
    vm.stop_daemon()
    daemon = vm.start_daemon()
    bus.wait_until_converged()
    since, log = len(vm.module_events()), vm.log()
    stamps = file_stamps(vm)
    children = [process for process in vm.processes() if process.parent == daemon]
    for _ in range(3):
        assert bus.call("Reconcile") == []
        bus.call("Reload")
    assert len(vm.module_events()) == since
    assert [process for process in vm.processes() if process.parent == daemon] == children
    assert file_stamps(vm) == stamps
    assert vm.parameter("scsi_debug", "delay") == "7"
    assert "write" not in vm.log().removeprefix(log)


def file_stamps(vm: Machine) -> str:
    """What kmodd has told others, with the times of its last change."""
    return vm.run("find", "/etc/modprobe.d", "/run/kmodd/loads.json", "-printf", "%p %i %T@\n").check().stdout
