"""What the bus tells beyond conditions: a module's file, memory, stages of its load, symbols, the kernel."""

import json
from typing import Any

from tests.support.guest.conditions import BUS_NAME, parameter_is
from tests.support.guest.daemon_bus import MANAGER, MANAGER_PATH, Bus
from tests.support.uml.machine import Machine


def started(vm: Machine, text: str) -> Bus:
    """kmodd on one file, done with it."""
    vm.drop("40-modules.toml", text)
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    return bus


def symbols(vm: Machine, name: str) -> Any:
    """Both results of Symbols."""
    answer = vm.busctl("--json=short", "call", BUS_NAME, MANAGER_PATH, MANAGER, "Symbols", "s", name).check()
    return json.loads(answer.stdout)["data"]


def test_vermagic_after_get_module(vm: Machine) -> None:
    bus = started(vm, "[module.ip_vs_rr]\n")
    assert bus.call("GetModule", "s", "ip_vs_rr") == "/org/kmodd1/module/ip_vs_rr"
    modinfo = vm.run("modinfo", "--field=vermagic", "ip_vs_rr").check().stdout.strip()
    assert bus.module("ip_vs_rr", "VerMagic").strip() == modinfo
    assert bus.module("ip_vs_rr", "VerMagic").split()[0] == bus.manager("KernelRelease")
    assert bus.module("ip_vs_rr", "VerMagicMatches") is True


def test_load_stages_of_a_loaded_module(vm: Machine) -> None:
    bus = started(vm, "[module.f2fs]\n")
    stages = bus.module("f2fs", "LoadStages")
    assert [name for name, _ in stages] == ["find", "read", "record", "insert", "verify"]
    assert all(duration_us > 0 for _, duration_us in stages)
    print(f"f2fs: {', '.join(f'{name} {duration_us / 1000:.1f} ms' for name, duration_us in stages)}")
    vm.run("modprobe", "veth").check()
    bus.call("GetModule", "s", "veth")
    assert bus.module("veth", "LoadStages") == []  # somebody else's load


def test_symbols_of_ip_vs_rr(vm: Machine) -> None:
    started(vm, "[module.ip_vs_rr]\n")
    needed, exported = symbols(vm, "ip_vs_rr")
    assert ["register_ip_vs_scheduler", "ip_vs"] in needed
    assert ["_printk", ""] in needed  # the kernel's own
    assert exported == []
    assert "register_ip_vs_scheduler" in symbols(vm, "ip_vs")[1]
    assert "register_netdevice" in [name for name, _ in symbols(vm, "veth")[0]]  # not loaded, not managed
    refused = vm.busctl("call", BUS_NAME, MANAGER_PATH, MANAGER, "Symbols", "s", "no_such_module")
    assert refused.status != 0


def test_memory_size_is_what_the_kernel_says(vm: Machine) -> None:
    bus = started(vm, "[module.f2fs]\n[module.ip_vs_rr]\n")
    for name in ("f2fs", "ip_vs", "ip_vs_rr"):
        assert bus.module(name, "MemorySize") >= vm.modules()[name].memory_bytes > 0
        assert bus.module(name, "RefCount") == vm.modules()[name].refcount


def test_lockdown_and_signatures_of_the_kernel(vm: Machine) -> None:
    """This kernel has no lockdown; the file of one that has is put where it would be."""
    bus = started(vm, "[module.veth]\n")
    assert bus.manager("Lockdown") == ""
    assert bus.manager("SignaturesEnforced") is False
    assert bus.manager("ModulesDisabled") is False
    vm.run("mount", "-t", "tmpfs", "none", "/sys/kernel/security").check()
    vm.write("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    bus.call("Reload")
    assert bus.manager("Lockdown") == "integrity"


def test_modules_disabled_is_said_and_parameters_are_healed_all_the_same() -> None:
    """modules_disabled=1 lasts until the machine ends."""
    with Machine.boot() as vm:
        bus = started(vm, "[module.scsi_debug]\nparameters = { delay = 3, add_host = 0 }\n")
        vm.write("/proc/sys/kernel/modules_disabled", "1", atomic=False)
        vm.drop("50-more.toml", "[module.veth]\n")
        bus.wait_for_condition("veth", "failed")
        assert bus.module("veth", "Message").startswith("modules-disabled: ")
        assert bus.module("veth", "NextRetryUSec") == 0
        bus.call("Reload")
        assert bus.manager("ModulesDisabled") is True
        vm.set_parameter("scsi_debug", "delay", "7")
        vm.wait_for(parameter_is("scsi_debug", "delay", "3"))
        vm.stop_daemon()


def test_kernel_messages_of_a_load_that_failed(vm: Machine) -> None:
    vm.drop("40-modules.toml", "[module.scsi_debug]\nparameters.sector_size = 777\n")
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("scsi_debug", "failed")
    assert bus.module("scsi_debug", "Message").startswith("bad-parameter: ")
    assert any("777" in text for text in bus.module("scsi_debug", "KernelMessages"))
    assert bus.module("scsi_debug", "FailureCount") == 1
