"""What kmodd makes of each fault of tests/modules, and of each spoilt file: condition, code, sentence."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping

import pytest

from tests.support.guest.conditions import FileHolds, module_absent, module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.guest.report import MACHINE
from tests.support.images.recipe import Image
from tests.support.vm.boot import Boot
from tests.support.vm.machine import VirtualMachine

FILE = "40-modules.toml"
SLEEPER = "kmodd_sleep"

# Module: its parameters; the condition; how the message begins (the kernel's release stands for {release}).
Row = tuple[Mapping[str, object], str, str]
FAULTS: dict[str, Row] = {
    "kmodd_alias": ({}, "waiting-for-hardware", "init-error: the module found no device (ENODEV)"),
    "kmodd_crc": (
        {},
        "failed",
        "bad-format: it was built against another kernel: module_layout has another checksum there (ENOEXEC)",
    ),
    "kmodd_cut_signature": ({}, "failed", "bad-signature: its signature is damaged (EBADMSG)"),
    "kmodd_empty": ({}, "failed", "bad-format: its file is empty or damaged (EINVAL)"),
    "kmodd_fail": ({}, "failed", "init-error: its init function failed with EINVAL"),
    "kmodd_firmware": ({}, "failed", "init-error: firmware is missing: kmodd/absent.bin (ENOENT)"),
    "kmodd_foreign_signature": ({}, "failed", "bad-signature: its signature of "),
    "kmodd_garbage": ({}, "failed", "bad-format: its file is damaged or no module (ENOEXEC)"),
    "kmodd_no_exit": ({}, "in-sync", "declared"),
    "kmodd_noisy": (
        {"lines": 50, "victim": "kmodd_plain", "result": -22},
        "failed",
        "bad-parameter: its init function failed with EINVAL, most likely for the value of a parameter "
        "(lines, result, victim)",
    ),
    "kmodd_plain": ({}, "in-sync", "declared"),
    "kmodd_sleep": (
        {"result": "many"},
        "failed",
        "bad-parameter: parameter result (int) does not take 'many', that is not valid (EINVAL)",
    ),
    "kmodd_symbol": (
        {},
        "failed",
        "unknown-symbol: nothing in this kernel exports kmodd_symbol_of_nobody, which it needs (ENOENT)",
    ),
    "kmodd_truncated": ({}, "failed", "bad-format: its file is damaged or no module (ENOEXEC)"),
    "kmodd_types": (
        {"nonsense": 1},
        "failed",
        "bad-parameter: kmodd_types has no parameter 'nonsense'",
    ),
    "kmodd_user": ({}, "waiting-for-dependency", "it needs kmodd_sleep, which is failed: bad-parameter: "),
    "kmodd_vermagic": ({}, "failed", "bad-format: it was built for '"),
}

# Of kmodd_fail's init: the errno; the condition; how the message begins.
ERRNOS: dict[int, tuple[str, str]] = {
    1: ("failed", "init-error: it was not permitted (EPERM), and not for modules_disabled, lockdown or"),
    2: ("failed", "init-error: its init function did not find something that it needs (ENOENT)"),
    5: ("backing-off", "init-error: its init function failed with EIO"),
    8: ("failed", "bad-format: its file is damaged, or its init function failed with ENOEXEC"),
    11: ("backing-off", "init-error: the kernel asks to try again (EAGAIN)"),
    12: ("backing-off", "no-memory: the kernel had no memory for it (ENOMEM)"),
    16: ("backing-off", "init-error: a module of this name, or something that it needs, is coming"),
    17: ("backing-off", "init-error: a module of this name was just coming or going"),
    19: ("waiting-for-hardware", "init-error: the module found no device (ENODEV)"),
    28: ("failed", "bad-parameter: its init function failed with ENOSPC, most likely for the value"),
    34: ("failed", "bad-parameter: its init function failed with ERANGE, most likely for the value"),
    129: ("failed", "init-error: its init function failed with EKEYREJECTED"),
    517: ("backing-off", "init-error: its init function failed with EPROBE_DEFER"),
    524: ("backing-off", "init-error: its init function failed with ENOTSUPP"),
}


def text(modules: Mapping[str, Mapping[str, object]], state: str = "loaded") -> str:
    """A file that declares them."""
    lines = []
    for name, parameters in modules.items():
        lines += [f"[module.{name}]", f'state = "{state}"']
        lines += [f"parameters.{key} = {json.dumps(value)}" for key, value in parameters.items()]
    return "\n".join([*lines, ""])


def declare(vm: VirtualMachine, modules: Mapping[str, Mapping[str, object]], state: str = "loaded") -> None:
    """Have exactly these declared, and a pass over them carried out."""
    vm.drop(FILE, text(modules, state))
    vm.kmoddctl("reload").check()
    vm.kmoddctl("reconcile")


def shown(bus: Bus, names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Condition and message of each."""
    return {name: (bus.module(name, "Condition"), bus.module(name, "Message")) for name in names}


def told(vm: VirtualMachine, module: str) -> set[str]:
    """Codes of the journal's entries about failures of one module."""
    return {entry.fields["CODE"] for entry in vm.journal(f"MODULE={module}", "OUTCOME=failed")}


def test_each_module_and_each_spoilt_file(vm: VirtualMachine) -> None:
    declare(vm, {name: parameters for name, (parameters, _, _) in FAULTS.items()})
    found = shown(Bus(vm), FAULTS)
    assert {name: condition for name, (condition, _) in found.items()} == {
        name: condition for name, (_, condition, _) in FAULTS.items()
    }
    assert not {n: said for n, (_, said) in found.items() if not said.startswith(FAULTS[n][2])}
    release = vm.run("uname", "--kernel-release").stdout.strip()
    assert f"this kernel is '{release} " in found["kmodd_vermagic"][1], "both versions are shown"
    assert "kmodd_types" in vm.modules(), "it is loaded, and not as declared"
    for name, (condition, message) in found.items():
        if condition == "failed" and name != "kmodd_types":
            assert told(vm, name) == {message.partition(":")[0]}
    (entry,) = vm.journal("MODULE=kmodd_types", "CODE=bad-parameter")
    assert "nonsense" in entry.message
    explained = vm.run("journalctl", "--catalog", "--no-pager", "MODULE=kmodd_symbol").stdout
    assert 'has the code "unknown-symbol"' in explained


@pytest.mark.shows("fault: EINVAL")
def test_each_errno_of_an_init_function(vm: VirtualMachine) -> None:
    """One after the other: it is one module."""
    bus = Bus(vm)
    for number, (condition, message) in ERRNOS.items():
        declare(vm, {"kmodd_fail": {"result": -number}})
        bus.wait_for_message("kmodd_fail", re.escape(message))
        bus.wait_for_condition("kmodd_fail", condition)


def test_what_a_module_says_in_the_name_of_another_that_fails_meanwhile(vm: VirtualMachine) -> None:
    """That a symbol is missing, another version, lockdown; the lines begin as the kernel's own would."""
    bus = Bus(vm)
    for number in (1, 2, 8):
        fails = {"result": -number}
        declare(vm, {SLEEPER: fails})
        honest = shown(bus, [SLEEPER])
        vm.drop(FILE, text({SLEEPER: {**fails, "init_seconds": -1}}))
        vm.wait_for(FileHolds(f"/sys/module/{SLEEPER}/initstate", "^coming$"))
        vm.run("modprobe", "kmodd_noisy", f"victim={SLEEPER}", "lines=3").check()
        vm.set_parameter(SLEEPER, "wake", "1")
        vm.wait_for(module_absent(SLEEPER))
        bus.wait_for_text(SLEEPER, "KernelMessages", f"{SLEEPER}: Unknown symbol spoofed")
        bus.wait_for_condition(SLEEPER, honest[SLEEPER][0])
        assert shown(bus, [SLEEPER]) == honest
        vm.run("rmmod", "kmodd_noisy").check()


@pytest.mark.shows("P2")
def test_a_parameter_that_the_kernel_ignored(vm: VirtualMachine) -> None:
    """What modprobe.d puts before it ends in two dashes; of what follows, one can be written afterwards."""
    vm.write("/etc/modprobe.d/dashes.conf", "options kmodd_types byte=7 --\n")
    declare(vm, {"kmodd_types": {"mode_444": 5, "mode_000": 6, "int": 8, "byte": 9}})
    bus = Bus(vm)
    ignored = "bad-parameter: the kernel ignored mode_000, mode_444 at loading"
    bus.wait_for_message("kmodd_types", ignored)
    assert bus.module("kmodd_types", "Condition") == "failed"
    assert [vm.parameter("kmodd_types", name) for name in ("int", "byte", "mode_444")] == ["8", "9", "0"]
    instance = vm.run("stat", "--format=%i", "/sys/module/kmodd_types").stdout
    vm.systemctl("restart", "kmodd.service").check()
    bus.wait_for_message("kmodd_types", ignored)
    vm.kmoddctl("reconcile")
    assert vm.run("stat", "--format=%i", "/sys/module/kmodd_types").stdout == instance, (
        "it was not tried again"
    )
    vm.run("rm", "/etc/modprobe.d/dashes.conf").check()
    vm.run("rmmod", "kmodd_types").check()
    bus.wait_for_condition("kmodd_types", "in-sync")
    assert vm.parameter("kmodd_types", "mode_444") == "5"


@pytest.mark.parametrize(
    ("parameter", "value", "text"),
    [
        ("byte", 256, "parameter byte (byte) does not take '256', that is out of range (ERANGE)"),
        ("charp", "x" * 1025, "parameter charp (charp) does not take 'xxxx"),
        (
            "string",
            "12345678",
            "parameter string (string) does not take '12345678', that is too long (ENOSPC)",
        ),
        ("refuses", 5, "does not take '5', the module refused it (EIO)"),
    ],
)
def test_a_refused_parameter_is_named(vm: VirtualMachine, parameter: str, value: object, text: str) -> None:
    declare(vm, {"kmodd_types": {"int": 3, parameter: value}})
    condition, message = shown(Bus(vm), ["kmodd_types"])["kmodd_types"]
    assert (condition, message.partition(":")[0]) == ("failed", "bad-parameter")
    assert text in message
    assert told(vm, "kmodd_types") == {"bad-parameter"}


def test_a_write_that_is_refused_names_its_parameter(vm: VirtualMachine) -> None:
    vm.insert("kmodd_types")
    declare(vm, {"kmodd_types": {"bool_enable_only": True, "int": 4}})
    declare(vm, {"kmodd_types": {"bool_enable_only": False, "int": 4}})
    bus = Bus(vm)
    message = bus.module("kmodd_types", "Message")
    assert "parameter bool_enable_only does not take 'N', it can only be switched on" in message
    assert vm.parameter("kmodd_types", "int") == "4"


@pytest.mark.shows("fault: EPERM")
def test_a_module_without_an_exit_function_and_modules_disabled(vm: VirtualMachine) -> None:
    """Both are read when something fails: no pass has seen that modules are disabled."""
    declare(vm, {"kmodd_no_exit": {}, "kmodd_types": {}})
    vm.wait_for(module_live("kmodd_types"))
    declare(vm, {"kmodd_no_exit": {}}, "unloaded")
    bus = Bus(vm)
    condition, message = shown(bus, ["kmodd_no_exit"])["kmodd_no_exit"]
    assert (condition, "it has no exit function" in message) == ("in-use", True)
    vm.write("/proc/sys/kernel/modules_disabled", "1", atomic=False)
    vm.drop(FILE, text({"kmodd_types": {}}, "unloaded") + text({"kmodd_plain": {}, "kmodd_alias": {}}))
    vm.kmoddctl("reload").check()
    vm.kmoddctl("reconcile")
    for name, (condition, message) in shown(bus, ("kmodd_types", "kmodd_plain", "kmodd_alias")).items():
        assert (name, condition) == (name, "failed")
        assert message.startswith("modules-disabled: ")
    assert told(vm, "kmodd_plain") == {"modules-disabled"}


@pytest.fixture
def forbidding(image: Image, request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    """A machine that is locked down, and whose command line forbids a module in a spelling of its own."""
    with VirtualMachine.boot(Boot(image, ("lockdown=integrity", "module_blacklist=kmodd_plain"))) as machine:
        request.node.stash[MACHINE] = machine
        yield machine


@pytest.mark.shows("fault: EPERM")
def test_lockdown_and_module_blacklist(forbidding: VirtualMachine) -> None:
    """What is forbidden on the command line is not even tried; lockdown looks before all else."""
    declare(forbidding, {"kmodd_plain": {}, "kmodd_types": {}, "dummy": {}})
    found = shown(Bus(forbidding), ("kmodd_plain", "kmodd_types", "dummy"))
    assert found["kmodd_plain"][0] == "conflict"
    assert "module_blacklist=kmodd_plain on the kernel command line forbids it" in found["kmodd_plain"][1]
    assert found["kmodd_types"][1].startswith("lockdown: the kernel is locked down")
    assert found["dummy"][0] == "in-sync"
    assert told(forbidding, "kmodd_types") == {"lockdown"}
