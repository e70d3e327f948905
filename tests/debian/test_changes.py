"""Overrides, pause and checkpoints under the unit's sandbox, across restarts and kills by systemd."""

from tests.support.debian.machine import DebianMachine
from tests.support.debian.systemd import KMODD
from tests.support.guest.conditions import module_absent, module_live
from tests.support.guest.daemon_bus import Bus

OVERRIDES = "/run/kmodd.d"
DUMMY_3 = ("dummy", "1", "parameters", "a{sv}", "1", "numdummies", "u", "3")


def killed(vm: DebianMachine) -> None:
    """The daemon is killed, and systemd starts it again."""
    vm.systemctl("kill", "--kill-whom=main", "--signal=KILL", KMODD).check()


def test_an_override_survives_a_restart_and_is_taken_away(vm: DebianMachine) -> None:
    bus = Bus(vm)
    bus.call("SetOverride", "sa{sv}", *DUMMY_3)
    bus.wait_for_condition("dummy", "in-sync")
    shown = vm.run("stat", "--format=%a %U", OVERRIDES, f"{OVERRIDES}/zz-override-dummy.toml").check().stdout
    assert shown.split("\n")[:2] == ["755 root", "644 root"]
    vm.systemctl("restart", KMODD).check()
    assert ["parameters.numdummies", "3", 3, f"{OVERRIDES}/zz-override-dummy.toml"] in bus.call(
        "Explain", "s", "dummy"
    )
    bus.call("ClearOverride", "s", "dummy")
    assert vm.names_in(OVERRIDES) == ()
    assert bus.manager("ConfigIssues") == []


def test_a_pause_survives_a_restart(vm: DebianMachine) -> None:
    bus = Bus(vm)
    bus.call("Pause")
    vm.systemctl("restart", KMODD).check()
    assert (bus.manager("Paused"), bus.manager("State")) == (True, "paused")
    bus.call("Resume")
    bus.wait_for_state("converged")


def test_a_restart_is_no_death_and_a_kill_is_one(vm: DebianMachine) -> None:
    bus = Bus(vm)
    bus.call("CreateCheckpoint", "u", "86400")
    bus.call("SetOverride", "sa{sv}", *DUMMY_3)
    bus.wait_for_condition("dummy", "in-sync")
    vm.systemctl("restart", KMODD).check()
    vm.systemctl("reload", KMODD).check()
    assert "dummy" in vm.modules()
    killed(vm)
    vm.wait_for(module_absent("dummy"))
    bus.wait_for_state("converged")
    assert vm.names_in(OVERRIDES) == ()


def test_time_goes_on_across_a_restart(vm: DebianMachine) -> None:
    bus = Bus(vm)
    bus.call("CreateCheckpoint", "u", "8")
    bus.call("SetOverride", "sa{sv}", *DUMMY_3)
    vm.systemctl("restart", KMODD).check()
    vm.wait_for(module_absent("dummy"))
    bus.wait_for_state("converged")
    words = [entry.message for entry in vm.journal(f"--unit={KMODD}")]
    assert [text for text in words if "is rolled back: its time ran out" in text]


def test_what_is_committed_stays_whatever_becomes_of_kmodd(vm: DebianMachine) -> None:
    bus = Bus(vm)
    bus.call("Commit", "s", bus.call("CreateCheckpoint", "u", "60"))
    checkpoint = bus.call("CreateCheckpoint", "u", "60")
    bus.call("SetOverride", "sa{sv}", *DUMMY_3)
    vm.wait_for(module_live("dummy"))
    bus.call("Commit", "s", checkpoint)
    killed(vm)
    bus.wait_until_converged()
    assert "dummy" in vm.modules()
