"""Overrides, Pause and Retry with busctl on a real kernel."""

import pytest

from tests.support.guest.conditions import BUS_NAME, PathExists, module_live, parameter_is
from tests.support.guest.daemon_bus import MANAGER, MANAGER_PATH, Bus
from tests.support.uml.machine import Machine

DIRECTORY = "/run/kmodd.d"
FILE = f"{DIRECTORY}/zz-override-scsi_debug.toml"
SCSI = "[module.scsi_debug]\nparameters = { delay = 3, add_host = 0 }\n"
DELAY_9 = ("scsi_debug", "1", "parameters", "a{sv}", "1", "delay", "i", "9")


def refusal(vm: Machine, member: str, *arguments: str) -> str:
    """What busctl says of a call that fails."""
    answer = vm.busctl("call", BUS_NAME, MANAGER_PATH, MANAGER, member, *arguments)
    assert answer.status == 1
    return answer.stderr


def test_an_override_with_parameters_takes_effect_and_is_undone(vm: Machine) -> None:
    vm.drop("40-scsi-debug.toml", SCSI)
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("scsi_debug", "in-sync")
    bus.call("SetOverride", "sa{sv}", *DELAY_9)
    vm.wait_for(parameter_is("scsi_debug", "delay", "9"))
    bus.wait_for_condition("scsi_debug", "in-sync")
    sources = bus.call("Explain", "s", "scsi_debug")
    assert ["parameters.delay", "9", 3, FILE] in sources
    assert ["replaced parameters.delay", "3", 2, "/etc/kmodd.d/40-scsi-debug.toml"] in sources
    bus.call("ClearOverride", "s", "scsi_debug")
    vm.wait_for(parameter_is("scsi_debug", "delay", "3"))
    assert vm.names_in(DIRECTORY) == ()
    assert "there is no override of scsi_debug" in refusal(vm, "ClearOverride", "s", "scsi_debug")


def test_an_override_survives_a_restart_and_a_kill(vm: Machine) -> None:
    vm.start_daemon()
    bus = Bus(vm)
    bus.call("SetOverride", "sa{sv}", "dummy", "1", "parameters", "a{sv}", "1", "numdummies", "u", "2")
    vm.wait_for(PathExists("/sys/class/net/dummy1"))
    bus.wait_for_condition("dummy", "in-sync")
    vm.stop_daemon()
    vm.run("rmmod", "dummy").check()
    vm.start_daemon()
    bus.wait_for_condition("dummy", "in-sync")
    assert "dummy1" in vm.names_in("/sys/class/net")
    vm.kill()
    vm.wait_for_end()
    vm.start_daemon()
    bus.wait_until_converged()
    bus.call("SetOverride", "sa{sv}", "dummy", "1", "state", "s", "denied")
    bus.wait_for_condition("dummy", "denied")
    assert "dummy" not in vm.modules()
    vm.run("modprobe", "dummy")
    assert "dummy" not in vm.modules()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("scsi_debug", "1", "paramters", "a{sv}", "0"), "did you mean 'parameters'"),
        (("../../etc/x", "0"), "is not a module name"),
        (("scsi_debug", "1", "state", "o", "/x"), "has no place in a file"),
        (("scsi_debug", "1", "reason", "s", "a\nb"), "unprintable"),
        (("scsi_debug", "1", "parameters", "a{sv}", "1", "delay", "s", '3" x="1'), "double quote"),
    ],
)
def test_what_no_file_could_say_is_refused_and_nothing_changes(
    vm: Machine, arguments: tuple[str, ...], said: str
) -> None:
    vm.drop("40-scsi-debug.toml", SCSI)
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("scsi_debug", "in-sync")
    assert said in refusal(vm, "SetOverride", "sa{sv}", *arguments)
    bus.wait_for_state("converged")
    assert vm.parameter("scsi_debug", "delay") == "3"
    assert not any(name.startswith("zz-override") for name in vm.names_in(DIRECTORY))


def test_pause_stops_enforcement_and_nothing_else(vm: Machine) -> None:
    vm.drop("40-scsi-debug.toml", SCSI)
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("scsi_debug", "in-sync")
    bus.call("Pause")
    assert (bus.manager("Paused"), bus.manager("State")) == (True, "paused")
    vm.set_parameter("scsi_debug", "delay", "7")
    bus.wait_for_message("scsi_debug", "to be written; but kmodd is paused by a call")
    vm.drop("50-dummy.toml", "[module.dummy]\n")
    bus.wait_for_message("dummy", "paused by a call")
    vm.stop_daemon()
    vm.start_daemon()
    bus.wait_for_message("dummy", "paused by a call")
    assert vm.parameter("scsi_debug", "delay") == "7"
    assert "dummy" not in vm.modules()
    bus.call("Resume")
    vm.wait_for(module_live("dummy"))
    vm.wait_for(parameter_is("scsi_debug", "delay", "3"))
    bus.wait_for_state("converged")


def test_retry_tries_again_at_once(vm: Machine) -> None:
    vm.drop("40-scsi-debug.toml", "[module.scsi_debug]\nparameters.sector_size = 777\n")
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("scsi_debug", "failed")
    tries = vm.log().count("load scsi_debug: failed")
    bus.call("Retry", "s", "scsi_debug")
    bus.wait_for_condition("scsi_debug", "failed")
    assert vm.log().count("load scsi_debug: failed") == tries + 1
    assert "is not managed" in refusal(vm, "Retry", "s", "dummy")
