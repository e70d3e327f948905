"""Parameters written from outside: healed without polling, reported, fought for ever more slowly."""

import re
from collections.abc import Iterable

import pytest

from tests.support.guest.conditions import FileHolds, PathExists, parameter_is
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import DAEMON_LOG, Machine, Role
from tests.support.uml.process import REPOSITORY

FILE = "40-scsi-debug.toml"
DELAY = "[module.scsi_debug]\nparameters = { delay = 3, add_host = 0 }\n"
AWAITED = '[module.st]\nwhen.device = { modalias = "scsi:t-0x01*" }\n'
IDLE_WINDOWS = 3
WRITTEN = r"^kmodd: write scsi_debug: done"


_INSTANCES = """
import os, sys
sys.path.insert(0, sys.argv[1])
from kmodd.kernel import sysfs
sysfs._FEW = 0
names = sorted(os.listdir("/sys/module"))
assert "scsi_debug" in names
assert sysfs.read_instances("/sys", names) == {name: sysfs.read_instance("/sys", name) for name in names}
"""


def started(vm: Machine, text: str = DELAY) -> Bus:
    """kmodd with scsi_debug in, as declared."""
    vm.drop(FILE, text)
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("scsi_debug", "in-sync")
    return bus


def writes(vm: Machine) -> int:
    """How often kmodd has written."""
    return len(re.findall(WRITTEN, vm.log(), re.MULTILINE))


def wakeups(vm: Machine, roles: Iterable[Role]) -> dict[Role, int]:
    """How often each process has slept and woken up."""
    return {role: vm.wakeups_of(role) for role in roles}


def test_a_listing_has_the_instances_that_stat_has(vm: Machine) -> None:
    vm.run("modprobe", "scsi_debug", "add_host=0").check()
    vm.run("python3", "-c", _INSTANCES, str(REPOSITORY)).check()


def test_scsi_debug_delay_written_from_outside_is_healed(vm: Machine) -> None:
    bus = started(vm)
    assert vm.parameter("scsi_debug", "delay") == "3"
    vm.set_parameter("scsi_debug", "delay", "7")
    vm.wait_for(parameter_is("scsi_debug", "delay", "3"))
    bus.wait_for_condition("scsi_debug", "in-sync")
    assert "write scsi_debug: done (delay is '7', wanted '3')" in vm.log()
    vm.set_parameter("scsi_debug", "every_nth", "5")  # which no file names
    bus.call("Reconcile")
    assert vm.parameter("scsi_debug", "every_nth") == "5"


def test_scsi_debug_delay_changed_in_the_file_is_written_without_a_reload(vm: Machine) -> None:
    bus = started(vm)
    since = len(vm.module_events())
    vm.drop(FILE, DELAY.replace("3", "9"))
    vm.wait_for(parameter_is("scsi_debug", "delay", "9"))
    bus.wait_for_condition("scsi_debug", "in-sync")
    assert vm.module_events(since) == ()


def test_scsi_debug_loaded_by_somebody_else_gets_its_delay(vm: Machine) -> None:
    """modprobe takes the declared value from the generated file; insmod does not, and is made good."""
    vm.drop(FILE, '[module.scsi_debug]\nstate = "auto"\nparameters = { delay = 3, add_host = 0 }\n')
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    vm.run("modprobe", "scsi_debug").check()
    assert vm.parameter("scsi_debug", "delay") == "3"
    vm.run("rmmod", "scsi_debug").check()
    assert writes(vm) == 0
    vm.insert("scsi_debug")
    vm.wait_for(parameter_is("scsi_debug", "delay", "3"))
    bus.wait_for_condition("scsi_debug", "in-sync")


def test_scsi_debug_delay_is_only_reported_where_the_file_says_so(vm: Machine) -> None:
    bus = started(vm, DELAY + 'on_parameter_change = "report"\n')
    vm.set_parameter("scsi_debug", "delay", "7")
    bus.wait_for_condition("scsi_debug", "drifted")
    assert bus.module("scsi_debug", "Drift") == [["delay", "3", "7"]]
    assert "on_parameter_change" in bus.module("scsi_debug", "Message")
    bus.wait_for_state("degraded")
    assert bus.call("Plan") == bus.call("Reconcile") == []
    assert vm.parameter("scsi_debug", "delay") == "7"
    vm.set_parameter("scsi_debug", "delay", "3")
    bus.wait_for_condition("scsi_debug", "in-sync")


def test_scsi_debug_delay_written_back_again_and_again_is_healed_ever_more_slowly(vm: Machine) -> None:
    """Somebody who answers each of kmodd's writes: from the second time on kmodd waits before it answers."""
    bus = started(vm)
    for _ in range(6):
        vm.set_parameter("scsi_debug", "delay", "7")
        vm.wait_for(parameter_is("scsi_debug", "delay", "3"))
    vm.set_parameter("scsi_debug", "delay", "7")
    bus.wait_for_message("scsi_debug", "written 6 times, and undone each time")
    assert bus.module("scsi_debug", "Condition") == "drifted"
    assert writes(vm) == 6
    vm.wait_for(parameter_is("scsi_debug", "delay", "3"))
    bus.wait_for_condition("scsi_debug", "in-sync")
    assert writes(vm) == 7


def test_value_that_the_module_refuses_is_not_written_again(vm: Machine) -> None:
    bus = started(vm)
    vm.drop(FILE, DELAY.replace("}", ', dsense = "much" }'))
    bus.wait_for_message("scsi_debug", r"does not take .* that is not valid \(EINVAL\)")
    assert bus.module("scsi_debug", "Condition") == "drifted"
    vm.wait_for(FileHolds(DAEMON_LOG, "^kmodd: warning: write scsi_debug: failed"))
    vm.set_parameter("scsi_debug", "every_nth", "5")
    bus.call("Reconcile")
    assert vm.log().count("write scsi_debug: failed") == 1
    vm.drop(FILE, DELAY)
    bus.wait_for_condition("scsi_debug", "in-sync")


def test_parameter_of_a_builtin_is_written_and_healed_too(vm: Machine) -> None:
    vm.drop(FILE, "[module.tcp_cubic]\nparameters.beta = 800\n")
    before = vm.parameter("tcp_cubic", "beta")
    vm.start_daemon()
    vm.wait_for(parameter_is("tcp_cubic", "beta", "800"))
    Bus(vm).wait_for_condition("tcp_cubic", "builtin")
    vm.set_parameter("tcp_cubic", "beta", before)
    vm.wait_for(parameter_is("tcp_cubic", "beta", "800"))
    vm.remove_file(FILE)
    Bus(vm).wait_until_converged()
    assert vm.parameter("tcp_cubic", "beta") == "800"  # no file names it any more: left as it is
    vm.set_parameter("tcp_cubic", "beta", before)


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        pytest.param("[module.scsi_debug]\n", ("daemon",), id="nothing to be guarded"),
        pytest.param(DELAY, ("daemon",), id="a parameter to be guarded"),
        pytest.param("[module.scsi_debug]\n" + AWAITED, ("daemon", "loader"), id="a device to come"),
    ],
)
def test_no_wake_ups_while_idle(vm: Machine, text: str, roles: tuple[Role, ...]) -> None:
    """Nothing polls, so that the counts stand still; the loader is there only where it may be needed."""
    bus = started(vm, text + '[module.f2fs]\nstate = "denied"\n[module.ifb]\nwhen.path_exists = "/tmp/x"\n')
    bus.wait_for_state("converged")
    bus.call("Reconcile")
    if "loader" not in roles:
        for process in vm.kmodd_processes():  # it may have ended by now
            if process.pid != vm.pid_of("daemon"):
                vm.wait_for(PathExists(f"/proc/{process.pid}", wanted=False))
    windows = [wakeups(vm, roles)]
    while len(windows) <= IDLE_WINDOWS and windows[-1:] != windows[-2:-1]:
        vm.run("sleep", "10").check()
        windows.append(wakeups(vm, roles))  # the first may see the end of what the drop began
    print(f"voluntary context switches every 10 idle seconds: {windows}")
    assert windows[-1] == windows[-2]
    vm.run("rmmod", "scsi_debug").check()  # the counts do count
    vm.wait_for(FileHolds("/proc/modules", "^scsi_debug "))
    assert all(count > windows[-1][role] for role, count in wakeups(vm, roles).items())
