"""What Debian's kernel makes of parameters, with kmodd_types of tests/modules: facts that kmodd relies on."""

import signal

import pytest

from tests.support.guest.conditions import FileHolds
from tests.support.guest.module_calls import SUCCESS, KernelCalls
from tests.support.vm.machine import VirtualMachine

MODULE = "kmodd_types"
DIRECTORY = f"/sys/module/{MODULE}/parameters"
TAINTED_BY_USER = 1 << 6  # Documentation/admin-guide/tainted-kernels.rst

# Parameter: as it is from the start; a value, and how it reads then; a value that is refused, and the errno.
TYPES = {
    "array": ("1,2", "3,4,5", "3,4,5", "1,2,3,4,5", "EINVAL"),
    "bint": ("0", "y", "1", "2", "EINVAL"),
    "bool": ("N", "on", "Y", "2", "EINVAL"),
    "bool_enable_only": ("N", "1", "Y", "2", "EINVAL"),
    "byte": ("1", "0xff", "255", "256", "ERANGE"),
    "charp": ("text", "other", "other", "x" * 1025, "ENOSPC"),
    "hexint": ("0x00001f", "16", "0x000010", "0x100000000", "ERANGE"),
    "int": ("-3", "-2147483648", "-2147483648", "2147483648", "ERANGE"),
    "invbool": ("Y", "0", "N", "2", "EINVAL"),
    "long": ("-4", "-9223372036854775808", "-9223372036854775808", "9223372036854775808", "ERANGE"),
    "short": ("-2", "32767", "32767", "32768", "ERANGE"),
    "string": ("short", "1234567", "1234567", "12345678", "ENOSPC"),
    "uint": ("3", "010", "8", "-1", "EINVAL"),
    "ullong": ("5", "18446744073709551615", "18446744073709551615", "18446744073709551616", "ERANGE"),
    "ulong": ("4", "18446744073709551615", "18446744073709551615", "x", "EINVAL"),
    "ushort": ("2", "65535", "65535", "65536", "ERANGE"),
}


@pytest.fixture
def kernel(vm: VirtualMachine) -> KernelCalls:
    """The kernel of the machine."""
    return KernelCalls(vm)


def read_all(vm: VirtualMachine) -> dict[str, str]:
    """Each parameter of TYPES."""
    return {name: vm.parameter(MODULE, name) for name in TYPES}


def write(vm: VirtualMachine, parameter: str, value: str) -> str:
    """Write to its file as a person does; what is said about it."""
    return vm.run("tee", f"{DIRECTORY}/{parameter}", stdin=value).stderr


def test_each_type_is_set_at_loading_and_reads_in_its_own_way(
    vm: VirtualMachine, kernel: KernelCalls
) -> None:
    assert kernel.insert(MODULE) == SUCCESS
    assert read_all(vm) == {name: row[0] for name, row in TYPES.items()}
    assert kernel.remove(MODULE) == SUCCESS
    assert kernel.insert(MODULE, " ".join(f"{name}={row[1]}" for name, row in TYPES.items())) == SUCCESS
    assert read_all(vm) == {name: row[2] for name, row in TYPES.items()}


def test_each_type_is_set_by_a_write(vm: VirtualMachine, kernel: KernelCalls) -> None:
    assert kernel.insert(MODULE) == SUCCESS
    for name, row in TYPES.items():
        vm.set_parameter(MODULE, name, row[1])
    assert read_all(vm) == {name: row[2] for name, row in TYPES.items()}
    # What enables only says so.
    assert "Read-only file system" in write(vm, "bool_enable_only", "0")


def test_each_type_refuses_a_value_at_loading(vm: VirtualMachine, kernel: KernelCalls) -> None:
    calls = [(MODULE, f"{name}={row[3]}") for name, row in TYPES.items()]
    answers = dict(zip(TYPES, kernel.insert_each(*calls), strict=True))
    assert answers == {name: row[4] for name, row in TYPES.items()}
    assert MODULE not in vm.modules()


def test_what_nobody_knows_is_a_line_in_the_log(vm: VirtualMachine, kernel: KernelCalls) -> None:
    """So is one as on the kernel command line, of which the line has half, and all after two dashes."""
    assert kernel.insert(MODULE, f"nonsense=1 {MODULE}.int=2 uint=9 -- byte=9") == SUCCESS
    log = vm.run("dmesg").stdout
    assert f"{MODULE}: unknown parameter 'nonsense' ignored" in log
    assert f"{MODULE}: unknown parameter '{MODULE}' ignored" in log
    assert f"{MODULE}: parameters 'byte=9' after `--' ignored" in log
    assert [vm.parameter(MODULE, name) for name in ("int", "uint", "byte")] == ["-3", "9", "1"]


@pytest.mark.parametrize("blank", [" ", "\n", "\t"])
def test_a_blank_that_is_not_quoted_ends_a_value(vm: VirtualMachine, kernel: KernelCalls, blank: str) -> None:
    assert kernel.insert(MODULE, f"charp=a{blank}int=9") == SUCCESS
    assert [vm.parameter(MODULE, name) for name in ("charp", "int")] == ["a", "9"]
    assert kernel.remove(MODULE) == SUCCESS
    assert kernel.insert(MODULE, f'charp="a{blank}int=9"') == SUCCESS
    assert [vm.parameter(MODULE, name) for name in ("charp", "int")] == [f"a{blank}int=9", "-3"]


def test_modes(vm: VirtualMachine, kernel: KernelCalls) -> None:
    """Not even root writes to 0444; 0200 is not read; what has mode 0 has no file."""
    assert kernel.insert(MODULE, "mode_444=1 mode_200=2 mode_000=3") == SUCCESS
    assert vm.parameter(MODULE, "mode_444") == "1"
    assert "Permission denied" in write(vm, "mode_444", "5")
    assert "Permission denied" in vm.run("cat", f"{DIRECTORY}/mode_200").stderr
    assert write(vm, "mode_200", "5") == ""
    assert "mode_000" not in vm.names_in(DIRECTORY)


def test_a_module_takes_another_value_or_refuses_it(vm: VirtualMachine, kernel: KernelCalls) -> None:
    assert kernel.insert(MODULE, "refuses=5") == "EIO"
    assert kernel.insert(MODULE, "clamps=500") == SUCCESS
    assert vm.parameter(MODULE, "clamps") == "100"
    vm.set_parameter(MODULE, "clamps", "-1")
    assert vm.parameter(MODULE, "clamps") == "0"
    assert "Device or resource busy" in write(vm, "refuses", "16")
    assert vm.parameter(MODULE, "refuses") == "0"


def test_nothing_written_is_nothing_done(vm: VirtualMachine, kernel: KernelCalls) -> None:
    assert kernel.insert(MODULE) == SUCCESS
    vm.set_parameter(MODULE, "charp", "")
    assert vm.parameter(MODULE, "charp") == "text"


def test_a_dangerous_parameter_taints(vm: VirtualMachine, kernel: KernelCalls) -> None:
    assert kernel.insert(MODULE) == SUCCESS
    assert not int(vm.read("/proc/sys/kernel/tainted")) & TAINTED_BY_USER
    vm.set_parameter(MODULE, "unsafe", "1")
    assert int(vm.read("/proc/sys/kernel/tainted")) & TAINTED_BY_USER
    assert "Setting dangerous option unsafe - tainting kernel" in vm.run("dmesg").stdout


def test_a_write_that_blocks_holds_up_every_reader_of_the_module(
    vm: VirtualMachine, kernel: KernelCalls
) -> None:
    """And goes on when its process was killed."""
    assert kernel.insert(MODULE) == SUCCESS
    process = vm.spawn("sh", "-c", f"echo 3 >{DIRECTORY}/blocks", output="/run/writer")
    vm.wait_for(FileHolds(f"/proc/{process}/syscall", "^1 0x1 "))  # it waits in write(2)
    vm.send_signal(process, signal.SIGKILL)
    assert vm.parameter(MODULE, "int") == "-3"
    assert vm.parameter(MODULE, "blocks") == "3"
    assert vm.wait(process) == -signal.SIGKILL
