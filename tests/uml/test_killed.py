"""Processes of kmodd killed at any moment, a second daemon, the orderly end (shown 7)."""

import signal

import pytest

from tests.support.guest.conditions import PathExists, module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import KMODD, Machine, Role

MODULES = ("anubis", "camellia_generic", "dummy", "ifb", "ip_vs_rr", "serpent_generic", "veth", "wp512")
FILE = "".join(f"[module.{name}]\n" for name in MODULES)


def assert_nobody_is_left(vm: Machine) -> None:
    """No process of kmodd, once those that were just ending have ended."""
    for process in vm.kmodd_processes():
        assert vm.holds_within(PathExists(f"/proc/{process.pid}", wanted=False), 20.0), f"left: {process}"


@pytest.mark.shows("P8")
@pytest.mark.parametrize("moment", ["anubis", "dummy", "ip_vs", "serpent_generic", "veth"])
def test_7_daemon_killed_while_it_loads(vm: Machine, moment: str) -> None:
    vm.drop("40-many.toml", FILE)
    vm.start_daemon()
    vm.wait_for(module_live(moment))
    vm.kill(signal.SIGKILL, "daemon")
    assert vm.wait_for_end() == -signal.SIGKILL
    assert_nobody_is_left(vm)
    vm.start_daemon()
    Bus(vm).wait_until_converged()
    assert set(MODULES) <= vm.modules().keys()


@pytest.mark.parametrize("role", ["loader", "compiler"])
def test_7_helper_killed_at_its_work(vm: Machine, role: Role) -> None:
    killed = vm.kill_when_seen(role)
    vm.drop("40-many.toml", FILE)
    vm.start_daemon()
    assert killed.finish()
    for name in MODULES:
        vm.wait_for(module_live(name))
    Bus(vm).wait_until_converged()


def test_7_loader_killed_while_idle(vm: Machine) -> None:
    vm.drop("40-dummy.toml", "[module.dummy]\n")
    vm.start_daemon()
    Bus(vm).wait_until_converged()
    vm.kill(signal.SIGKILL, "loader")
    vm.run("rmmod", "dummy").check()
    vm.wait_for(module_live("dummy"))


def test_7_second_daemon_refuses_to_start(vm: Machine) -> None:
    daemon = vm.start_daemon()
    second = vm.run(KMODD)
    assert second.status == 9
    assert second.stderr.count("\n") == 1
    assert f"another kmodd is running (process {daemon})" in second.stderr
    Bus(vm).wait_for_state("converged")


def test_7_sigterm_ends_cleanly(vm: Machine) -> None:
    vm.drop("40-many.toml", FILE)
    vm.start_daemon()
    started_s = vm.clock_s()
    assert vm.stop_daemon() == 0
    print(f"stopped {vm.clock_s() - started_s:.2f} s after SIGTERM, in the middle of loading")
    assert_nobody_is_left(vm)
    assert "STOPPING=1" in vm.notifications()
    assert "Traceback" not in vm.log()
    vm.start_daemon()
    Bus(vm).wait_until_converged()


def test_7_sighup_reads_the_files_again(vm: Machine) -> None:
    vm.start_daemon()
    vm.drop("40-dummy.toml", "[module.dummy]\n")
    vm.reload_daemon()
    vm.wait_for(module_live("dummy"))
    assert any(line.startswith("MONOTONIC_USEC=") for line in vm.notifications())
