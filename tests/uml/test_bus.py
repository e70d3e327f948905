"""org.kmodd1 in plain use, with busctl as a person would use it (shown 5)."""

import json
from pathlib import PurePath

import pytest

from tests.support.guest.conditions import BUS_NAME, CommandPrints, FileHolds, module_live
from tests.support.guest.daemon_bus import MANAGER, MANAGER_PATH, MODULE, Bus, module_path
from tests.support.uml.machine import Machine

MONITOR_LOG = "/tmp/monitor"


def some_modules(vm: Machine, count: int) -> list[str]:
    """Names of modules that the kernel of the machine has."""
    release = vm.run("uname", "-r").check().stdout.strip()
    lines = vm.read(f"/lib/modules/{release}/modules.dep").splitlines()
    names = {PurePath(line.partition(":")[0]).name.partition(".")[0].replace("-", "_") for line in lines}
    return sorted(names)[:count]


def test_5_tree_introspect_call_and_get_property(vm: Machine) -> None:
    vm.drop("40-dummy.toml", "[module.dummy]\n[module.ip_vs_rr]\n")
    vm.start_daemon()
    Bus(vm).wait_until_converged()
    tree = vm.busctl("--list", "tree", BUS_NAME).check().stdout.split()
    assert {"/", "/org", MANAGER_PATH, "/org/kmodd1/module", module_path("dummy")} <= set(tree)
    assert module_path("ip_vs") in tree
    shown = vm.busctl("introspect", BUS_NAME, module_path("dummy")).check().stdout
    assert {".Condition", ".Parameters", ".Sources"} <= set(shown.split())
    xml = vm.busctl("--xml-interface", "introspect", BUS_NAME, MANAGER_PATH).check().stdout
    assert '<arg name="generation" type="u" direction="out"' in xml
    rows = vm.busctl("call", BUS_NAME, MANAGER_PATH, MANAGER, "ListModules").check().stdout
    assert '"dummy" "loaded" "loaded" "in-sync" "declared"' in rows
    answer = vm.busctl("get-property", BUS_NAME, module_path("ip_vs"), MODULE, "Holders").check().stdout
    assert answer == 'as 1 "ip_vs_rr"\n'


def test_5_every_method_of_the_manager(vm: Machine) -> None:
    vm.drop("40-dummy.toml", "[module.dummy]\nparameters.numdummies = 2\n")
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    assert bus.call("Reload") == bus.manager("Generation") == 1
    assert bus.call("Plan") == []
    assert bus.call("Reconcile") == []
    assert bus.call("GetModule", "s", "dummy") == module_path("dummy")
    assert bus.call("Explain", "s", "dummy")[:2] == [
        ["parameters.numdummies", "2", 2, "/etc/kmodd.d/40-dummy.toml"],
        ["state", '"loaded"', 1, "/etc/kmodd.d/40-dummy.toml"],
    ]
    assert bus.manager("KernelRelease") == vm.run("uname", "-r").stdout.strip()
    assert (bus.manager("State"), bus.manager("Paused"), bus.manager("ConfigIssues")) == (
        "converged",
        False,
        [],
    )


def test_5_present_module_that_nobody_manages(vm: Machine) -> None:
    vm.run("modprobe", "veth").check()
    vm.start_daemon()
    bus = Bus(vm)
    assert bus.call("GetModule", "s", "veth") == module_path("veth")
    assert bus.module("veth", "Condition") == "not-managed"
    assert bus.module("veth", "State") == "loaded"
    assert bus.call("ListModules") == []


def test_5_unknown_module_is_not_found_and_no_traceback_reaches_a_caller(vm: Machine) -> None:
    vm.start_daemon()
    calls = (
        ("GetModule", "s", "no_such_module"),
        ("Explain", "s", "no_such_module"),
        ("GetModule", "s", "../../etc/passwd"),
        ("GetModule", "s", ""),
        ("GetModule", "u", "7"),
        ("NoSuchMember",),
    )
    for call in calls:
        answer = vm.busctl("call", BUS_NAME, MANAGER_PATH, MANAGER, *call)
        assert answer.status != 0
        assert "Traceback" not in answer.stderr + vm.log()
    named = vm.run(
        "dbus-send",
        "--system",
        "--print-reply",
        f"--dest={BUS_NAME}",
        MANAGER_PATH,
        f"{MANAGER}.GetModule",
        "string:no_such_module",
    )
    assert "org.kmodd1.Error.NotFound" in named.stderr


def test_5_object_manager_with_300_modules(vm: Machine) -> None:
    names = some_modules(vm, 300)
    vm.drop("40-many.toml", "".join(f'[module.{name}]\nstate = "auto"\n' for name in names))
    vm.start_daemon()
    answer = vm.busctl(
        "--json=short",
        "call",
        BUS_NAME,
        MANAGER_PATH,
        "org.freedesktop.DBus.ObjectManager",
        "GetManagedObjects",
    )
    objects = json.loads(answer.check().stdout)["data"][0]
    assert set(objects) == {module_path(name) for name in names}
    assert all(len(interfaces[MODULE]) == 28 for interfaces in objects.values())
    tree = vm.busctl("--list", "tree", BUS_NAME).check().stdout.split()
    assert {module_path(name) for name in names} <= set(tree)


def test_5_monitor_sees_objects_properties_and_the_end_of_a_pass(vm: Machine) -> None:
    vm.start_daemon()
    vm.spawn("busctl", "--json=short", "monitor", BUS_NAME, output=MONITOR_LOG)
    # Not every version of busctl says when it has begun, so calls are made until it has seen one.
    ping = f"busctl call {BUS_NAME} {MANAGER_PATH} org.freedesktop.DBus.Peer Ping && cat {MONITOR_LOG}"
    vm.wait_for(CommandPrints(("sh", "-c", ping), '"member":"Ping"'))
    vm.drop("40-dummy.toml", "[module.dummy]\n")
    vm.wait_for(module_live("dummy"))
    vm.wait_for(FileHolds(MONITOR_LOG, r'"member":"InterfacesAdded".*/org/kmodd1/module/dummy'))
    vm.wait_for(FileHolds(MONITOR_LOG, r'"member":"PropertiesChanged".*in-sync'))
    vm.wait_for(FileHolds(MONITOR_LOG, r'"member":"ReconcileFinished".*"dummy","load","done"'))
    vm.remove_file("40-dummy.toml")
    vm.wait_for(FileHolds(MONITOR_LOG, r'"member":"InterfacesRemoved".*/org/kmodd1/module/dummy'))
    assert "dummy" in vm.modules()


@pytest.mark.shows("P6", "fault: no bus")
def test_5_bus_that_goes_and_comes_back(vm: Machine) -> None:
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_state("converged")
    vm.stop_service("bus")
    vm.drop("40-dummy.toml", "[module.dummy]\n")
    vm.wait_for(module_live("dummy"))
    vm.start_bus()
    bus.wait_for_condition("dummy", "in-sync")
