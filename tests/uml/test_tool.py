"""kmoddctl as a person uses it, beside the real daemon on a real kernel; what an interrupt leaves behind."""

import json
from collections.abc import Mapping

from tests.support.guest.calls import Completed
from tests.support.guest.conditions import (
    CommandPrints,
    module_absent,
    module_live,
    module_loading,
    parameter_is,
)
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import Machine
from tests.support.uml.screen import INTERRUPT, PATH, Screen

SCSI = "[module.scsi_debug]\nparameters = { delay = 3, add_host = 0 }\n"
TRIED = "[module.scsi_debug]\nparameters.delay = 7\n\n[module.dummy]\nparameters.numdummies = 2\n"
SLEEPS = "nls_euc_jp"
"""Its init asks the kernel for another module, and so for modprobe."""
ON_THE_BUS = CommandPrints(("busctl", "--no-pager", "list"), "kmoddctl")
LASTING = "/etc/kmodd.d/zz-kmoddctl-scsi_debug.toml"


def ctl(vm: Machine, *arguments: str) -> Completed:
    """Run the tool to its end."""
    return vm.run("/bin/sh", "-c", 'exec kmoddctl "$@"', "sh", *arguments, environment={"PATH": PATH})


def as_json(vm: Machine, *arguments: str) -> object:
    return json.loads(ctl(vm, *arguments, "--json").check().stdout)


def started(vm: Machine) -> Bus:
    """kmodd at work on one module."""
    vm.drop("40-scsi.toml", SCSI)
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("scsi_debug", "in-sync")
    return bus


def left_behind(vm: Machine) -> Mapping[str, tuple[str, ...]]:
    """Everything that kmoddctl may write, and whatever is half written."""
    return {path: vm.names_in(path) for path in ("/etc/kmodd.d", "/run/kmodd.d", "/etc/modprobe.d")}


def test_what_is_wanted_for_this_boot(vm: Machine) -> None:
    vm.start_daemon()
    assert ctl(vm, "load", "dummy").check().stdout == "dummy  loaded  in-sync  declared\n"
    assert "dummy" in vm.modules()
    assert ctl(vm, "deny", "dummy").check().stdout.startswith("dummy  not-loaded  denied  ")
    assert "dummy" not in vm.modules()
    vm.run("modprobe", "dummy")
    assert "dummy" not in vm.modules()
    assert vm.names_in("/etc/kmodd.d") == ()
    ctl(vm, "clear", "dummy").check()
    vm.run("modprobe", "dummy").check()
    assert ctl(vm, "clear", "dummy").status == 4


def test_what_is_wanted_for_good_outlives_what_was_for_this_boot(vm: Machine) -> None:
    started(vm)
    ctl(vm, "set", "scsi_debug", "delay=5").check()
    assert vm.parameter("scsi_debug", "delay") == "5"
    ctl(vm, "set", "--persistent", "scsi_debug", "delay=6").check()
    assert vm.parameter("scsi_debug", "delay") == "6"
    assert "delay = 6" in vm.read(LASTING)
    assert vm.names_in("/run/kmodd.d") == ()
    vm.stop_daemon()
    vm.set_parameter("scsi_debug", "delay", "9")
    vm.start_daemon()
    vm.wait_for(parameter_is("scsi_debug", "delay", "6"))
    ctl(vm, "clear", "scsi_debug").check()
    assert vm.parameter("scsi_debug", "delay") == "3"
    assert vm.names_in("/etc/kmodd.d") == ("40-scsi.toml",)


def test_a_trial_that_is_interrupted_leaves_nothing(vm: Machine) -> None:
    started(vm)
    before = left_behind(vm), vm.read("/etc/modprobe.d/00-kmodd.conf")
    vm.write("/root/50-trial.toml", TRIED)
    screen = Screen(vm, "kmoddctl", "try", "/root/50-trial.toml")
    screen.wait_for(r"keep\? \[y/N\]")
    assert vm.parameter("scsi_debug", "delay") == "7"
    assert "dummy" in vm.modules()
    screen.press(INTERRUPT)
    assert screen.finish()[0] == 130
    vm.wait_for(module_absent("dummy"))
    vm.wait_for(parameter_is("scsi_debug", "delay", "3"))
    assert (left_behind(vm), vm.read("/etc/modprobe.d/00-kmodd.conf")) == before


def test_apply_retry_pause_and_resume(vm: Machine) -> None:
    bus = started(vm)
    ctl(vm, "pause").check()
    vm.run("rmmod", "scsi_debug").check()
    assert "enforcement is paused" in ctl(vm, "status").stdout
    vm.drop("50-dummy.toml", "[module.dummy]\n")
    assert ctl(vm, "apply").status == 3
    assert {"scsi_debug", "dummy"}.isdisjoint(vm.modules())
    ctl(vm, "resume").check()
    vm.wait_for(module_live("scsi_debug"))
    bus.wait_for_condition("dummy", "in-sync")
    vm.set_parameter("scsi_debug", "delay", "9")
    assert ctl(vm, "retry", "scsi_debug").check().stdout.split()[:3] == ["scsi_debug", "loaded", "in-sync"]
    assert vm.parameter("scsi_debug", "delay") == "3"


def test_watch_sees_what_others_do_until_it_is_interrupted(vm: Machine) -> None:
    started(vm)
    screen = Screen(vm, "kmoddctl", "watch")
    screen.wait_for("kmodd is converged")
    vm.run("rmmod", "scsi_debug").check()
    screen.wait_for(r"scsi_debug +load +done")
    screen.wait_for(r"scsi_debug +loaded +in-sync")
    screen.press(INTERRUPT)
    assert screen.finish()[0] == 130
    assert as_json(vm, "pause") == {"paused": True}  # nobody minds that it has gone


def test_what_was_imported_is_right(vm: Machine) -> None:
    vm.write("/etc/modprobe.d/local.conf", "options loop max_loop=16\ninstall f2fs /bin/false\n")
    vm.write("/etc/modules-load.d/local.conf", "loop\n")
    ctl(vm, "import", "--output", "/etc/kmodd.d").check()
    checked = ctl(vm, "check", "--json", "/etc/kmodd.d").check()
    assert [each["code"] for each in json.loads(checked.stdout) if each["code"] != "unknown-module"] == []
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("loop", "in-sync")
    bus.wait_for_condition("f2fs", "denied")
    assert vm.parameter("loop", "max_loop") == "16"


def test_an_interrupt_while_it_waits_leaves_nothing_half_done(vm: Machine) -> None:
    """What was asked for goes on in kmodd, and the tool can be called again at once."""
    vm.start_daemon()
    vm.drop("40-slow.toml", f"[module.{SLEEPS}]\n")
    before = left_behind(vm)["/etc/kmodd.d"]
    with vm.holding_requests():
        vm.wait_for(module_loading(SLEEPS))
        for command in ("apply", "reconcile", f"set --persistent {SLEEPS} x=1", f"load --runtime {SLEEPS}"):
            screen = Screen(vm, "kmoddctl", *command.split())
            vm.wait_for(ON_THE_BUS)
            screen.press(INTERRUPT)
            status, shown = screen.finish()
            assert (status, "Traceback" in shown) == (130, False), f"{command}: {shown}"
            names = (*left_behind(vm)["/etc/kmodd.d"], *left_behind(vm)["/run/kmodd.d"])
            assert [name for name in names if not name.endswith(".toml")] == []
    ctl(vm, "clear", SLEEPS)
    vm.wait_for(module_live(SLEEPS))
    assert left_behind(vm)["/etc/kmodd.d"] == before
    assert left_behind(vm)["/run/kmodd.d"] == ()
    assert ctl(vm, "list").check().stdout.split()[5:9] == [SLEEPS, "loaded", "loaded", "in-sync"]
