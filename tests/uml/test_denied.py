"""f2fs and nfsd denied, by every way there is into a kernel, whatever other files say."""

import pytest

from tests.support.guest.conditions import PathExists, module_absent, module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import Machine

FILE = "40-denied.toml"
DENIED = """
[module.f2fs]
state = "denied"
reason = "no images of phones on this host"
[module.nfsd]
state = "denied"
"""
MODULES = ("f2fs", "nfsd")
WAYS = {
    "modprobe": ("modprobe", "{}"),
    "alias": ("modprobe", "fs-{}"),
    "mount": ("unshare", "--mount", "mount", "-t", "{}", "none", "/mnt"),
    "udev": ("udevadm", "test-builtin", "kmod load fs-{}", "/sys/devices/platform"),
}
"""A mount has the kernel itself request the module; udevd loads with the function that is tested here."""

OURS = "/etc/modprobe.d/00-kmodd.conf"
EARLY = "/etc/modprobe.d/!early.conf"
LATER = "/etc/modprobe.d/later.conf"


def try_every_way(vm: Machine, module: str) -> dict[str, bool]:
    """Whether each way leads in; the module is out afterwards."""
    found = {}
    for way, words in WAYS.items():
        vm.run(*(word.format(module) for word in words))
        found[way] = module in vm.modules()
        if found[way]:
            vm.run("modprobe", "-r", module).check()
    return found


def denied(vm: Machine) -> Bus:
    """Start kmodd on the file, and wait until both are denied."""
    vm.drop(FILE, DENIED)
    vm.start_daemon()
    bus = Bus(vm)
    for module in MODULES:
        bus.wait_for_condition(module, "denied")
    return bus


@pytest.mark.parametrize("module", MODULES)
def test_f2fs_and_nfsd_come_in_by_every_way_where_nobody_denies_them(vm: Machine, module: str) -> None:
    assert try_every_way(vm, module) == dict.fromkeys(WAYS, True)


def test_f2fs_and_nfsd_denied_by_modprobe_by_alias_by_mount_by_udev(vm: Machine) -> None:
    bus = denied(vm)
    since = len(vm.module_events())
    for module in MODULES:
        assert try_every_way(vm, module) == dict.fromkeys(WAYS, False)
    assert [event for event in vm.module_events(since) if event.module in MODULES] == []
    assert bus.manager("State") == "converged"
    assert "refused by its name and 1 alias" in bus.module("f2fs", "Message")
    assert bus.module("f2fs", "Reason") == "no images of phones on this host"


def test_nls_cp932_denied_by_a_request_from_an_init_function(vm: Machine) -> None:
    """nls_euc_jp asks the kernel for the table that it extends, and cannot do without."""
    vm.run("modprobe", "nls_euc_jp").check()
    assert "nls_cp932" in vm.modules()
    vm.run("modprobe", "-r", "nls_euc_jp", "nls_cp932").check()
    vm.drop(FILE, '[module.nls_cp932]\nstate = "denied"\n')
    vm.start_daemon()
    Bus(vm).wait_for_condition("nls_cp932", "denied")
    assert vm.run("modprobe", "nls_euc_jp").status != 0
    assert "nls_cp932" not in vm.modules()


@pytest.mark.parametrize("state", ["auto", "denied"])
def test_sd_mod_denied_by_udev_when_a_disk_is_plugged(vm: Machine, state: str) -> None:
    """udevd itself; it looks for changed files now and then only, so it is told of them."""
    vm.drop(FILE, f'[module.sd_mod]\nstate = "{state}"\n[module.sg]\nstate = "auto"\n')
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    vm.run("udevadm", "control", "--reload").check()
    since = len(vm.module_events())
    vm.plug_scsi()
    vm.wait_for(module_live("sg"))  # the same device asks for both
    vm.settle()
    came = {event.module for event in vm.module_events(since)}
    assert ("sd_mod" in came) == (state == "auto")
    assert vm.holds_within(PathExists("/dev/sda"), 0) == (state == "auto")
    if state == "denied":
        assert bus.module("sd_mod", "Condition") == "denied"


def test_denied_module_that_udevd_had_not_heard_of_yet_is_taken_out(vm: Machine) -> None:
    """udevd keeps what it read of modprobe.d for up to three seconds, and a device may come in these."""
    vm.start_daemon()
    vm.drop(FILE, '[module.sd_mod]\nstate = "denied"\n')
    bus = Bus(vm)
    bus.wait_for_condition("sd_mod", "denied")
    vm.run("modprobe", "t10_pi").check()
    vm.plug_scsi()
    vm.insert("sd_mod")
    vm.settle()
    vm.wait_for(module_absent("sd_mod"))
    bus.wait_for_condition("sd_mod", "denied")


def test_still_denied_when_a_later_file_has_a_softdep(vm: Machine) -> None:
    bus = denied(vm)
    vm.write(LATER, "softdep f2fs pre: crc32\nsoftdep nfsd pre: ifb post: veth\ninstall f2fs /sbin/insmod\n")
    bus.call("Reload")
    for module in MODULES:
        assert bus.module(module, "Condition") == "denied"
        assert try_every_way(vm, module) == dict.fromkeys(WAYS, False)
    assert not {"ifb", "veth"} & vm.modules().keys()


@pytest.mark.parametrize("early", ["!early.conf", "00-aaa.conf"])
def test_earlier_file_with_a_softdep_is_a_conflict_that_names_file_and_line(vm: Machine, early: str) -> None:
    bus = denied(vm)
    path = f"/etc/modprobe.d/{early}"
    vm.write(path, "# somebody else's\nsoftdep f2fs pre: crc32\n")
    bus.wait_for_condition("f2fs", "conflict")
    assert bus.module("f2fs", "Blockers") == [f"{path}:2 (softdep f2fs pre: crc32)"]
    assert f"in the way stands {path}:2" in bus.module("f2fs", "Message")
    assert bus.module("nfsd", "Condition") == "denied"
    bus.wait_for_state("degraded")
    vm.run("modprobe", "f2fs").check()  # as kmodd says: it does come in
    vm.wait_for(module_absent("f2fs"))
    vm.remove(path)
    bus.wait_for_condition("f2fs", "denied")
    assert try_every_way(vm, "f2fs") == dict.fromkeys(WAYS, False)


@pytest.mark.parametrize(
    ("line", "way"),
    [
        ("install f2fs /sbin/modprobe --ignore-install f2fs", "f2fs"),
        ("install ifb /sbin/modprobe --ignore-install f2fs", "ifb"),
    ],
)
def test_earlier_install_line_is_a_conflict_that_names_file_and_line(
    vm: Machine, line: str, way: str
) -> None:
    bus = denied(vm)
    vm.write(EARLY, f"{line}\n")
    bus.wait_for_condition("f2fs", "conflict")
    assert bus.module("f2fs", "Blockers") == [f"{EARLY}:1 ({line})"]
    since = len(vm.module_events())
    vm.run("modprobe", way)
    assert "f2fs" in [event.module for event in vm.module_events(since)]
    vm.wait_for(module_absent("f2fs"))
    vm.remove(EARLY)
    bus.wait_for_condition("f2fs", "denied")


def test_alias_of_another_file_is_refused_as_well(vm: Machine) -> None:
    bus = denied(vm)
    vm.write(LATER, "alias phone-disk f2fs\n")
    bus.wait_for_message("f2fs", "refused by its name and 2 aliases")
    vm.run("modprobe", "phone-disk")
    assert "f2fs" not in vm.modules()


def test_denied_changed_to_loaded_works_at_once(vm: Machine) -> None:
    bus = denied(vm)
    vm.drop(FILE, "[module.f2fs]\n[module.nfsd]\n[module.ifb]\nparameters.numifbs = 1\n")
    for module in (*MODULES, "ifb"):
        vm.wait_for(module_live(module))
    bus.wait_until_converged()
    assert vm.read(OURS).splitlines()[1:] == ["options ifb numifbs=1"]
    vm.drop(FILE, DENIED)
    for module in MODULES:
        vm.wait_for(module_absent(module))
        bus.wait_for_condition(module, "denied")
        assert try_every_way(vm, module) == dict.fromkeys(WAYS, False)
