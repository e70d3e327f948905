"""What hangs or crashes in the kernel costs the process that carried it: kmodd and other modules go on.

With the installed package, on Debian's own kernel; the modules are those of tests/modules.
"""

import pytest

from tests.support.guest.conditions import BUS_NAME, FileHolds, module_live, module_loading
from tests.support.guest.daemon_bus import MANAGER, MANAGER_PATH, Bus
from tests.support.vm.machine import VirtualMachine

BLOCKED = "/run/modprobe.d/00-kmodd-blocked.conf"
SLEEPS = """
[module.kmodd_sleep]
parameters.init_seconds = -1
load_timeout = "1s"
[module.dummy]
after = ["kmodd_sleep"]
[module.kmodd_plain]
"""
OOPSES = """
[module.kmodd_oops]
parameters.{when} = true
[module.kmodd_plain]
[module.dummy]
"""
LATER = ("nls_euc_jp", "nls_koi8_r", "nls_iso8859_5")
"""One load in some hundred falls on what the kernel still keeps of the dead task's stack (idem_hash in
kernel/module/main.c) and hangs or crashes itself; kmodd can but say so, of that one."""
OOPSED = "nobody tries that again before the next boot"


@pytest.mark.shows("P3", "fault: slow")
def test_an_init_that_sleeps_without_end_holds_nothing_up(vm: VirtualMachine) -> None:
    bus = Bus(vm)
    vm.drop("40-modules.toml", SLEEPS)
    bus.wait_for_condition("kmodd_sleep", "loading-slow")
    vm.wait_for(module_loading("kmodd_sleep"))
    bus.wait_for_condition("kmodd_plain", "in-sync")
    bus.wait_for_message("kmodd_sleep", "hung: its init has not come back for more than 10 s")
    # The service is stopped and started as fast as ever, and knows what goes on.
    began_s = vm.clock_s()
    vm.systemctl("restart", "kmodd.service").check()
    print(f"restarted in {vm.clock_s() - began_s:.1f} s (emulated) while an init hangs")
    bus.wait_for_condition("kmodd_sleep", "loading-slow")
    assert vm.properties("kmodd.service", "Result", "NRestarts") == {"Result": "success", "NRestarts": "0"}
    # It is only waited for; when it comes back it is as declared.
    vm.write("/sys/module/kmodd_sleep/parameters/wake", "1", atomic=False)
    bus.wait_until_converged()
    assert {bus.module(name, "Condition") for name in ("kmodd_sleep", "dummy", "kmodd_plain")} == {"in-sync"}
    assert insertions(vm, "kmodd_sleep") == 1
    assert vm.names_in("/var/lib/kmodd/intents") == ()


def insertions(vm: VirtualMachine, module: str) -> int:
    """How often a module was inserted and its init came back, as the kernel told."""
    return sum(event.module == module and event.action == "add" for event in vm.module_events())


def attempts(vm: VirtualMachine, module: str) -> int:
    """How many loads of a module kmodd has told of, in this boot."""
    return len(vm.journal(f"MODULE={module}", "ACTION=load", "OUTCOME=failed"))


@pytest.mark.shows("P4", "fault: oops")
def test_an_oops_in_init_is_never_repeated_in_this_boot(vm: VirtualMachine) -> None:
    bus = Bus(vm)
    vm.drop("40-modules.toml", OOPSES.format(when="in_init"))
    bus.wait_for_message("kmodd_oops", f"oops: its init crashed in the kernel; {OOPSED}")
    assert bus.module("kmodd_oops", "Condition") == "failed"
    assert bus.module("kmodd_oops", "State") == "loading"
    words = bus.module("kmodd_oops", "KernelMessages")
    assert any(line.startswith("BUG: kernel NULL pointer dereference") for line in words)
    for module in ("kmodd_plain", "dummy"):
        vm.wait_for(module_live(module))
        bus.wait_for_condition(module, "in-sync")
    # Neither kmodd nor anybody else touches it again.
    assert vm.read(BLOCKED).splitlines()[1:] == ["install kmodd_oops /bin/false", "softdep kmodd_oops pre:"]
    assert vm.run("modprobe", "kmodd_oops").status != 0
    bus.call("Reconcile")
    bus.call("Retry", "s", "kmodd_oops")
    release = vm.busctl("call", BUS_NAME, MANAGER_PATH, MANAGER, "Release", "s", "kmodd_oops")
    assert "kmodd_oops crashed in this boot" in release.stderr
    vm.drop("40-modules.toml", OOPSES.format(when="in_init") + 'reason = "changed"\n')
    bus.wait_for_text("dummy", "Reason", "changed")
    # A restart forgets nothing, and what is asked for next is done.
    vm.systemctl("restart", "kmodd.service").check()
    bus.wait_for_message("kmodd_oops", "oops: its init crashed in the kernel")
    vm.drop("50-more.toml", "".join(f"[module.{name}]\n" for name in LATER))
    for module in LATER:
        bus.wait_for_text(module, "Condition", '"(in-sync|loading-slow|failed)"')
        told = bus.module(module, "Condition"), bus.module(module, "Message")
        print(module, told)
        assert told[0] == "in-sync" or any(word in told[1] for word in ("loading has taken", "oops"))
    assert (attempts(vm, "kmodd_oops"), insertions(vm, "kmodd_oops")) == (1, 0)


@pytest.mark.shows("P4", "fault: oops")
def test_an_oops_in_exit_leaves_the_rest_at_work(vm: VirtualMachine) -> None:
    bus = Bus(vm)
    vm.drop("40-modules.toml", OOPSES.format(when="in_exit"))
    vm.wait_for(module_live("kmodd_oops"))
    vm.drop("40-modules.toml", '[module.kmodd_oops]\nstate = "unloaded"\n[module.dummy]\n')
    bus.wait_for_message("kmodd_oops", f"oops: its exit crashed in the kernel; {OOPSED}")
    vm.wait_for(FileHolds("/sys/module/kmodd_oops/initstate", "^going$"))
    vm.drop("50-more.toml", "[module.nls_euc_jp]\n")
    vm.wait_for(module_live("nls_euc_jp"))
    bus.wait_for_condition("nls_euc_jp", "in-sync")
