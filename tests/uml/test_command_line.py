"""Words of the kernel's command line that switch kmodd, modprobe or the kernel itself off."""

from collections.abc import Iterator

import pytest

from tests.support.guest.conditions import module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import KMODD, Machine

FILE = "40-modules.toml"
WORDS = ("kmodd.skip=veth,f2fs", "module_blacklist=ifb", "modprobe.blacklist=nlmon", "dummy.numdummies=2")


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine with words for single modules."""
    with Machine.boot(command_line=WORDS) as booted:
        yield booted


@pytest.fixture(scope="module")
def reporting() -> Iterator[Machine]:
    """A machine on which kmodd changes nothing."""
    with Machine.boot(command_line=("kmodd.enforce=0",)) as booted:
        yield booted


@pytest.mark.shows("P12")
def test_kmodd_skip_leaves_the_named_modules_alone(vm: Machine) -> None:
    vm.run("modprobe", "f2fs").check()
    vm.drop(FILE, '[module.veth]\n[module.f2fs]\nstate = "denied"\n[module.dummy]\nwants = ["veth"]\n')
    vm.start_daemon()
    bus = Bus(vm)
    vm.wait_for(module_live("dummy"))
    bus.wait_until_converged()
    for name in ("veth", "f2fs"):
        assert bus.module(name, "Condition") == "condition-unmet"
        assert bus.module(name, "Message") == "kmodd.skip= on the kernel command line names it"
    assert {"f2fs"} == {"f2fs", "veth"} & vm.modules().keys()
    assert vm.names_in("/etc/modprobe.d") == ()
    assert ["command line", "kmodd.skip=veth,f2fs", 0, "/proc/cmdline"] in bus.call("Explain", "s", "veth")


@pytest.mark.parametrize(
    ("module", "word"), [("ifb", "module_blacklist=ifb"), ("nlmon", "modprobe.blacklist=nlmon")]
)
def test_blacklist_of_the_command_line_is_honoured_and_given_as_the_reason(
    vm: Machine, module: str, word: str
) -> None:
    vm.drop(FILE, f'[module.{module}]\n[module.dummy]\nwants = ["{module}"]\n')
    vm.start_daemon()
    bus = Bus(vm)
    vm.wait_for(module_live("dummy"))
    bus.wait_for_condition(module, "conflict")
    assert bus.module(module, "Message") == f"{word} on the kernel command line forbids it"
    assert module not in vm.modules()
    assert ["command line", word, 0, "/proc/cmdline"] in bus.call("Explain", "s", module)
    vm.drop(FILE, f'[module.{module}]\nstate = "denied"\n')
    bus.wait_for_condition(module, "denied")
    assert f"{word} on the kernel command line denies it too" in bus.module(module, "Message")


def test_what_needs_a_blacklisted_module_says_so(vm: Machine) -> None:
    vm.drop(FILE, '[module.dummy]\nrequires = ["ifb"]\n')
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("dummy", "waiting-for-dependency")
    assert "module_blacklist=ifb on the kernel command line forbids it" in bus.module("dummy", "Message")


def test_parameter_of_the_command_line_is_outdone_and_explained(vm: Machine) -> None:
    vm.drop(FILE, "[module.dummy]\nparameters.numdummies = 3\n")
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("dummy", "in-sync")
    assert [name for name in vm.names_in("/sys/class/net") if name.startswith("dummy")] == [
        "dummy0",
        "dummy1",
        "dummy2",
    ]
    assert ["command line", "dummy.numdummies=2", 0, "/proc/cmdline"] in bus.call("Explain", "s", "dummy")
    assert any(
        "the kernel command line (dummy.numdummies=2)" in row[3] for row in bus.manager("ConfigIssues")
    )


@pytest.mark.shows("P12")
def test_kmodd_enforce_0_changes_nothing_at_all_and_says_so(reporting: Machine) -> None:
    vm = reporting
    vm.run("modprobe", "f2fs").check()
    vm.run("modprobe", "scsi_debug", "add_host=0").check()
    vm.drop(
        FILE,
        '[module.ifb]\n[module.f2fs]\nstate = "denied"\n[module.nfsd]\nstate = "denied"\n'
        "[module.scsi_debug]\nparameters.delay = 7\n",
    )
    delay = vm.parameter("scsi_debug", "delay")
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("f2fs", "denied-but-loaded")
    planned = [row[:2] for row in bus.call("Plan")]
    assert planned == [["f2fs", "unload"], ["ifb", "load"], ["scsi_debug", "write"]]
    assert bus.call("Reconcile") == []
    assert {"f2fs", "scsi_debug"} <= vm.modules().keys()
    assert "ifb" not in vm.modules()
    since = len(vm.module_events())
    vm.run("modprobe", "nfsd").check()
    bus.wait_for_condition("nfsd", "denied-but-loaded")
    vm.run("rmmod", "nfsd").check()
    bus.wait_for_message("nfsd", "enforce is off")
    events = [(event.action, event.module) for event in vm.module_events(since)]
    assert [event for event in events if event[1] in ("f2fs", "ifb", "nfsd", "scsi_debug")] == [
        ("add", "nfsd"),
        ("remove", "nfsd"),
    ]
    assert vm.parameter("scsi_debug", "delay") == delay
    assert vm.names_in("/etc/modprobe.d") == ()
    assert "kmodd.enforce=0" in vm.log()
    assert vm.stop_daemon() == 0
    vm.run(KMODD, "--once").check()  # whoever boots with the switch finds no failed unit
    vm.reset()
