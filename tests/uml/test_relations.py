"""conflicts, replaces, ready: who keeps whom out, who waits for what, and who follows by itself."""

from tests.support.guest.conditions import FileHolds, PathExists, module_absent, module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import DAEMON_LOG, Machine

FILE = "40-relations.toml"


def started(vm: Machine, text: str) -> Bus:
    """kmodd on one file."""
    vm.drop(FILE, text)
    vm.start_daemon()
    return Bus(vm)


def test_conflicts_the_one_that_is_in_stays_and_the_other_follows_when_it_goes(vm: Machine) -> None:
    vm.run("modprobe", "veth").check()
    bus = started(vm, '[module.ifb]\nconflicts = ["veth"]\n')
    bus.wait_for_condition("ifb", "conflict")
    assert bus.module("ifb", "Blockers") == ["veth"]
    assert "it conflicts with veth" in bus.module("ifb", "Message")
    assert "ifb" not in vm.modules()
    vm.run("rmmod", "veth").check()
    vm.wait_for(module_live("ifb"))
    bus.wait_for_condition("ifb", "in-sync")


def test_conflicts_of_two_that_are_both_declared_leaves_one_out_until_the_other_goes(vm: Machine) -> None:
    bus = started(vm, '[module.ifb]\n[module.veth]\nconflicts = ["ifb"]\n')
    vm.wait_for(module_live("ifb"))
    bus.wait_for_condition("veth", "conflict")
    assert "veth" not in vm.modules()
    bus.wait_for_state("degraded")
    vm.drop(FILE, '[module.ifb]\nstate = "unloaded"\n[module.veth]\nconflicts = ["ifb"]\n')
    vm.wait_for(module_absent("ifb"))
    vm.wait_for(module_live("veth"))
    bus.wait_for_state("converged")


def test_conflicts_holds_whoever_of_the_two_declares_it(vm: Machine) -> None:
    bus = started(vm, '[module.ifb]\nstate = "auto"\nconflicts = ["veth"]\n[module.dummy]\n')
    vm.wait_for(module_live("dummy"))
    vm.run("modprobe", "ifb").check()
    vm.drop("50-more.toml", "[module.veth]\n")
    bus.wait_for_condition("veth", "conflict")
    assert bus.module("veth", "Blockers") == ["ifb"]
    vm.run("rmmod", "ifb").check()
    vm.wait_for(module_live("veth"))


def test_replaces_the_old_one_is_unloaded_first_and_kept_out(vm: Machine) -> None:
    vm.run("modprobe", "nls_cp437").check()
    since = len(vm.module_events())
    bus = started(vm, '[module.nls_iso8859_1]\nreplaces = ["nls_cp437"]\n')
    vm.wait_for(module_live("nls_iso8859_1"))
    bus.wait_until_converged()
    events = [(event.action, event.module) for event in vm.module_events(since)]
    assert events == [("remove", "nls_cp437"), ("add", "nls_iso8859_1")]
    assert "replaced by nls_iso8859_1" in bus.module("nls_cp437", "Message")
    vm.run("modprobe", "nls_cp437").check()
    vm.wait_for(module_absent("nls_cp437"))


def test_replaces_keeps_the_old_one_out_from_udev_and_from_aliases(vm: Machine) -> None:
    vm.run("modprobe", "sd_mod").check()
    started(vm, '[module.sr_mod]\nreplaces = ["sd_mod"]\n')
    vm.wait_for(module_live("sr_mod"))
    vm.wait_for(FileHolds("/etc/modprobe.d/00-kmodd.conf", "^blacklist sd_mod$"))
    vm.run("udevadm", "control", "--reload").check()
    since = len(vm.module_events())
    vm.plug_scsi()
    vm.wait_for(module_live("sg"))
    vm.settle()
    vm.run("modprobe", "scsi:t-0x00")
    assert "sd_mod" not in [event.module for event in vm.module_events(since)]


def test_replaces_waits_for_the_old_one_while_that_is_in_use(vm: Machine) -> None:
    vm.run("modprobe", "dummy", "numdummies=1").check()
    vm.run("ip", "link", "set", "dummy0", "up").check()
    bus = started(vm, '[module.ifb]\nreplaces = ["dummy"]\n')
    bus.wait_for_condition("ifb", "conflict")
    assert bus.module("ifb", "Blockers") == ["network interface dummy0, which is up"]
    assert "it replaces dummy, which is in-use" in bus.module("ifb", "Message")
    assert {"dummy"} == {"dummy", "ifb"} & vm.modules().keys()
    vm.run("ip", "link", "set", "dummy0", "down").check()
    vm.wait_for(module_live("ifb"))
    assert "dummy" not in vm.modules()


READY = """
[module.scsi_debug]
parameters.add_host = 0
ready = {{ {}, timeout = "{}" }}
[module.ifb]
requires = ["scsi_debug"]
[module.veth]
after = ["scsi_debug"]
[module.dummy]
"""


def wait_until_held_back(vm: Machine, bus: Bus, awaited: str) -> None:
    """scsi_debug is in and not ready; who depends on it waits, and nobody else does."""
    bus.wait_for_message("scsi_debug", f"in the kernel, and waits for {awaited}")
    bus.wait_for_condition("scsi_debug", "loading")
    for name, relation in (("ifb", "it needs scsi_debug"), ("veth", "it goes after scsi_debug")):
        bus.wait_for_condition(name, "waiting-for-dependency")
        assert bus.module(name, "Message").startswith(relation)
        assert bus.module(name, "Blockers") == ["scsi_debug"]
    vm.wait_for(module_live("dummy"))
    assert not {"ifb", "veth"} & vm.modules().keys()


def wait_until_followed(vm: Machine, bus: Bus) -> None:
    """It is ready, and those that waited came by themselves."""
    for name in ("ifb", "veth"):
        vm.wait_for(module_live(name))
    bus.wait_for_state("converged")


def test_ready_path_exists_on_a_path_that_appears_later(vm: Machine) -> None:
    bus = started(vm, READY.format('path_exists = "/tmp/ready/yes"', "10min"))
    wait_until_held_back(vm, bus, "/tmp/ready/yes")
    vm.run("mkdir", "/tmp/ready").check()
    vm.run("touch", "/tmp/ready/no").check()
    bus.call("Reconcile")
    assert not {"ifb", "veth"} & vm.modules().keys()
    vm.run("touch", "/tmp/ready/yes").check()
    wait_until_followed(vm, bus)
    vm.remove("/tmp/ready")


def test_ready_path_exists_below_sys_that_appears_with_a_device(vm: Machine) -> None:
    """sysfs tells nobody of a new file, but some device is told of; udevd has no module to load for it."""
    vm.run("modprobe", "--all", "sd_mod", "sg").check()
    path = "/sys/bus/scsi/devices/0:0:0:0/vendor"
    bus = started(vm, READY.format(f'path_exists = "{path}"', "10min"))
    wait_until_held_back(vm, bus, path)
    vm.plug_scsi()
    wait_until_followed(vm, bus)
    assert vm.holds_within(PathExists(path), 0)


def test_ready_device_by_plugging_scsi(vm: Machine) -> None:
    device = 'device = { subsystem = "scsi", modalias = "scsi:t-0x00*" }'
    bus = started(vm, READY.format(device, "10min"))
    wait_until_held_back(vm, bus, "a device .subsystem=scsi modalias=scsi:t-0x00*")
    vm.plug_scsi()
    wait_until_followed(vm, bus)


def test_ready_that_never_comes_is_a_failure_after_its_timeout(vm: Machine) -> None:
    bus = started(vm, READY.format('path_exists = "/tmp/never"', "500ms"))
    bus.wait_for_condition("scsi_debug", "failed")
    sentence = "init-error: it is in the kernel, but /tmp/never did not appear within 0.5 s"
    assert bus.module("scsi_debug", "Message") == sentence
    bus.wait_for_condition("ifb", "waiting-for-dependency")
    assert "ifb" not in vm.modules()
    vm.wait_for(module_live("veth"))  # order only: what has failed is not waited for
    bus.wait_for_state("degraded")
    vm.run("touch", "/tmp/never").check()
    wait_until_followed(vm, bus)
    vm.remove("/tmp/never")


def test_ready_that_holds_from_the_start_holds_nobody_back(vm: Machine) -> None:
    bus = started(vm, READY.format('path_exists = "/etc/passwd"', "10min"))
    wait_until_followed(vm, bus)
    assert not vm.holds_within(FileHolds(DAEMON_LOG, "warning"), 0)
