"""What Debian's kernel answers, and what is left, when modules of tests/modules do what they are made for.

kmodd runs beside with nothing declared: these are the facts that it relies on.
"""

import signal

import pytest

from tests.support.guest.conditions import CommandPrints, FileHolds, module_absent, module_live
from tests.support.guest.module_calls import SUCCESS, KernelCalls, answer
from tests.support.vm.machine import VirtualMachine

ERRNOS = {
    "EPERM": 1,
    "ENOENT": 2,
    "ENOEXEC": 8,
    "EAGAIN": 11,
    "ENOMEM": 12,
    "EBUSY": 16,
    "EEXIST": 17,
    "ENODEV": 19,
    "EINVAL": 22,
    "ENOSPC": 28,
    "ERANGE": 34,
    "EKEYREJECTED": 129,
}
TAINTED_BY_OOPS = 1 << 7  # Documentation/admin-guide/tainted-kernels.rst
OUT_OF_TREE_AND_UNSIGNED = "OE"
KERNEL_LOG = "/sys/fs/pstore/dmesg-ramoops-0"


@pytest.fixture
def kernel(vm: VirtualMachine) -> KernelCalls:
    """The kernel of the machine."""
    return KernelCalls(vm)


def processes_in_finit_module(number: int) -> CommandPrints:
    """So many of them wait in there (proc_pid_syscall(5))."""
    return CommandPrints(
        ("sh", "-c", "grep --no-messages '^313 ' /proc/[0-9]*/syscall | wc --lines"), f"^{number}$"
    )


def initstate_is(module: str, state: str) -> FileHolds:
    """As sysfs has it; /proc/modules lists a module a little before it has this file and its parameters."""
    return FileHolds(f"/sys/module/{module}/initstate", f"^{state}$")


def asleep(pid: int) -> FileHolds:
    """The process sleeps where no signal wakes it (proc_pid_stat(5))."""
    return FileHolds(f"/proc/{pid}/stat", r"\) D ")


def kernel_log(vm: VirtualMachine) -> str:
    """Of this boot."""
    return vm.run("dmesg").check().stdout


def has_oopsed(vm: VirtualMachine) -> bool:
    """Since it booted."""
    return bool(int(vm.read("/proc/sys/kernel/tainted")) & TAINTED_BY_OOPS)


# ------------------------------------------------------------------------------------ answers of init


def test_the_errno_of_init_is_the_answer_and_the_module_is_gone(
    vm: VirtualMachine, kernel: KernelCalls
) -> None:
    calls = [("kmodd_fail", f"result=-{number}") for number in ERRNOS.values()]
    assert kernel.insert_each(*calls) == list(ERRNOS)
    assert "kmodd_fail" not in vm.modules()


def test_modprobe_takes_eexist_of_init_for_success(vm: VirtualMachine) -> None:
    assert vm.run("modprobe", "kmodd_fail", "result=-17").status == 0
    assert "kmodd_fail" not in vm.modules()


@pytest.mark.parametrize("result", ["0", "5"])
def test_a_result_that_is_not_negative_is_success(
    vm: VirtualMachine, kernel: KernelCalls, result: str
) -> None:
    assert kernel.insert("kmodd_fail", f"result={result}") == SUCCESS
    assert kernel.initstate("kmodd_fail") == "live"
    assert ("'kmodd_fail'->init suspiciously returned 5" in kernel_log(vm)) == (result == "5")


def test_what_is_live_is_not_inserted_again(vm: VirtualMachine, kernel: KernelCalls) -> None:
    assert kernel.insert_each(("kmodd_types", "int=7"), ("kmodd_types", "int=8")) == [SUCCESS, "EEXIST"]
    assert vm.parameter("kmodd_types", "int") == "7"


def test_an_unsigned_module_taints(vm: VirtualMachine, kernel: KernelCalls) -> None:
    assert kernel.insert("kmodd_plain") == SUCCESS
    assert vm.read("/sys/module/kmodd_plain/taint").strip() == OUT_OF_TREE_AND_UNSIGNED


# --------------------------------------------------------------------------------------------- sleep


def test_init_asleep_outlives_its_process_and_holds_up_nothing_else(
    vm: VirtualMachine, kernel: KernelCalls
) -> None:
    process = vm.spawn("insmod", kernel.file("kmodd_sleep"), "init_seconds=-1", output="/run/insmod")
    vm.wait_for(initstate_is("kmodd_sleep", "coming"))
    vm.wait_for(asleep(process))
    vm.send_signal(process, signal.SIGKILL)
    assert kernel.initstate("kmodd_sleep") == "coming"
    assert kernel.remove("kmodd_sleep") == "EBUSY"
    assert kernel.insert("kmodd_plain") == SUCCESS
    vm.set_parameter("kmodd_sleep", "wake", "1")
    assert vm.wait(process) == -signal.SIGKILL
    assert kernel.initstate("kmodd_sleep") == "live"


def test_who_needs_a_module_that_is_coming_gives_up_after_half_a_minute(
    vm: VirtualMachine, kernel: KernelCalls
) -> None:
    sleeping = kernel.start_insert("kmodd_sleep", "init_seconds=-1")
    vm.wait_for(initstate_is("kmodd_sleep", "coming"))
    assert kernel.insert("kmodd_user") == "EBUSY"
    assert "kmodd_user: gave up waiting for init of module kmodd_sleep" in kernel_log(vm)
    vm.set_parameter("kmodd_sleep", "wake", "1")
    assert answer(sleeping) == SUCCESS


def test_a_second_insert_meanwhile_gets_the_first_ones_answer_and_a_copy_does_not(
    vm: VirtualMachine, kernel: KernelCalls
) -> None:
    vm.run("cp", kernel.file("kmodd_sleep"), "/run/copy.ko").check()
    first = kernel.start_insert("kmodd_sleep", "init_seconds=-1 exit_seconds=1")
    vm.wait_for(initstate_is("kmodd_sleep", "coming"))
    second = kernel.start_insert("kmodd_sleep", "exit_seconds=2")
    copy = kernel.start_insert("kmodd_sleep", "exit_seconds=3", file="/run/copy.ko")
    vm.wait_for(processes_in_finit_module(3))
    vm.set_parameter("kmodd_sleep", "wake", "1")
    assert [answer(first), answer(second), answer(copy)] == [SUCCESS, SUCCESS, "EEXIST"]
    assert vm.parameter("kmodd_sleep", "exit_seconds") == "1"


def test_a_second_insert_meanwhile_fails_as_the_first_one_does(
    vm: VirtualMachine, kernel: KernelCalls
) -> None:
    first = kernel.start_insert("kmodd_sleep", "init_seconds=-1 result=-5")
    vm.wait_for(initstate_is("kmodd_sleep", "coming"))
    second = kernel.start_insert("kmodd_sleep")
    vm.wait_for(processes_in_finit_module(2))
    vm.set_parameter("kmodd_sleep", "wake", "1")
    assert [answer(first), answer(second)] == ["EIO", "EIO"]
    assert "kmodd_sleep" not in vm.modules()


def test_exit_asleep_is_neither_in_nor_out(vm: VirtualMachine, kernel: KernelCalls) -> None:
    assert kernel.insert("kmodd_sleep", "exit_seconds=-1") == SUCCESS
    process = vm.spawn("rmmod", "kmodd_sleep", output="/run/rmmod")
    vm.wait_for(initstate_is("kmodd_sleep", "going"))
    vm.wait_for(asleep(process))
    vm.send_signal(process, signal.SIGKILL)
    assert kernel.initstate("kmodd_sleep") == "going"
    assert kernel.remove("kmodd_sleep") == "EBUSY"
    assert kernel.insert("kmodd_sleep") == "EBUSY"
    assert kernel.insert("kmodd_plain") == SUCCESS
    vm.set_parameter("kmodd_sleep", "wake", "1")
    assert vm.wait(process) == -signal.SIGKILL
    assert "kmodd_sleep" not in vm.modules()


# ------------------------------------------------------------------------------------ oops and panic


def test_an_oops_in_init_leaves_the_module_coming_for_ever(vm: VirtualMachine, kernel: KernelCalls) -> None:
    """A copy waits without end then; for what the same file does see the README of tests/modules."""
    assert not has_oopsed(vm)
    assert kernel.start_insert("kmodd_oops", "in_init=1").finish().status == -signal.SIGKILL
    assert has_oopsed(vm)
    assert kernel.initstate("kmodd_oops") == "coming"
    assert kernel.remove("kmodd_oops") == "EBUSY"
    assert kernel.insert("kmodd_plain") == SUCCESS
    assert "kmodd_oops_init" in kernel_log(vm)
    vm.run("cp", kernel.file("kmodd_oops"), "/run/copy.ko").check()
    waiting = vm.spawn("insmod", "/run/copy.ko", output="/run/insmod")
    vm.wait_for(processes_in_finit_module(1))
    vm.send_signal(waiting, signal.SIGKILL)
    assert vm.wait(waiting) == -signal.SIGKILL


def test_an_oops_in_exit_leaves_the_module_going_for_ever(vm: VirtualMachine, kernel: KernelCalls) -> None:
    assert kernel.insert("kmodd_oops", "in_exit=1") == SUCCESS
    assert kernel.start_remove("kmodd_oops").finish().status == -signal.SIGKILL
    assert has_oopsed(vm)
    assert kernel.initstate("kmodd_oops") == "going"
    assert [kernel.remove("kmodd_oops"), kernel.insert("kmodd_oops")] == ["EBUSY", "EBUSY"]
    assert kernel.insert("kmodd_plain") == SUCCESS


def test_a_panic_in_init_names_the_module_in_the_log_that_outlives_it(
    vm: VirtualMachine, kernel: KernelCalls
) -> None:
    vm.run("modprobe", "ramoops").check()
    with vm.next_boot():
        kernel.start_insert("kmodd_panic")
    assert "kmodd_panic" not in vm.modules()
    vm.run("modprobe", "ramoops").check()
    kept = vm.read(KERNEL_LOG)
    assert "Kernel panic - not syncing: kmodd_panic was loaded" in kept
    assert "[kmodd_panic]" in kept  # in the call trace


# ------------------------------------------------------------------------- symbols, users, unloading


def test_a_symbol_that_nobody_has(vm: VirtualMachine, kernel: KernelCalls) -> None:
    assert kernel.insert("kmodd_symbol") == "ENOENT"
    assert "kmodd_symbol: Unknown symbol kmodd_symbol_of_nobody (err -2)" in kernel_log(vm)


def test_a_holder_needs_its_dependency_and_keeps_it(vm: VirtualMachine, kernel: KernelCalls) -> None:
    assert kernel.insert_each(("kmodd_user", ""), ("kmodd_sleep", ""), ("kmodd_user", "")) == [
        "ENOENT",
        SUCCESS,
        SUCCESS,
    ]
    assert vm.modules()["kmodd_sleep"].holders == ("kmodd_user",)
    assert kernel.remove("kmodd_sleep") == "EAGAIN"
    assert [kernel.remove("kmodd_user"), kernel.remove("kmodd_sleep")] == [SUCCESS, SUCCESS]


def test_a_module_without_an_exit_function_stays(kernel: KernelCalls) -> None:
    assert kernel.insert("kmodd_no_exit") == SUCCESS
    assert kernel.remove("kmodd_no_exit") == "EBUSY"


def test_what_is_not_there_is_not_unloaded(kernel: KernelCalls) -> None:
    assert kernel.remove("kmodd_plain") == "ENOENT"


# ------------------------------------------------------------------------------ hardware and firmware


def test_enodev_until_the_device_is_there(vm: VirtualMachine, kernel: KernelCalls) -> None:
    """udevd loads it then, and it stays when the device goes."""
    assert kernel.insert("kmodd_alias") == "ENODEV"
    vm.plug("pci-testdev")
    vm.wait_for(module_live("kmodd_alias"))
    vm.wait_for(CommandPrints(("udevadm", "info", "--export-db"), "^E: DRIVER=kmodd_alias$"))
    vm.unplug("pci-testdev")
    assert kernel.initstate("kmodd_alias") == "live"
    assert kernel.remove("kmodd_alias") == SUCCESS
    vm.wait_for(module_absent("kmodd_alias"))
    assert kernel.insert("kmodd_alias") == "ENODEV"


def test_missing_firmware_is_enoent_and_a_line_in_the_log(vm: VirtualMachine, kernel: KernelCalls) -> None:
    assert kernel.insert("kmodd_firmware") == "ENOENT"
    assert "Direct firmware load for kmodd/absent.bin failed with error -2" in kernel_log(vm)
    vm.run("mkdir", "--parents", "/lib/firmware/kmodd").check()
    vm.write("/lib/firmware/kmodd/absent.bin", "there by now\n")
    assert kernel.insert("kmodd_firmware") == SUCCESS


# ---------------------------------------------------------------------------- files, signatures, log


def test_spoilt_files(vm: VirtualMachine, kernel: KernelCalls) -> None:
    expected = {
        "kmodd_crc": "ENOEXEC",
        "kmodd_cut_signature": "EBADMSG",
        "kmodd_empty": "EINVAL",
        "kmodd_foreign_signature": "EKEYREJECTED",
        "kmodd_garbage": "ENOEXEC",
        "kmodd_truncated": "ENOEXEC",
        "kmodd_vermagic": "ENOEXEC",
    }
    assert (
        dict(zip(expected, kernel.insert_each(*((name, "") for name in expected)), strict=True)) == expected
    )
    log = kernel_log(vm)
    assert "kmodd_crc: disagrees about version of symbol module_layout" in log
    assert "kmodd_vermagic: version magic" in log


def test_enforced_signatures_and_disabled_modules_refuse_differently(
    vm: VirtualMachine, kernel: KernelCalls
) -> None:
    assert kernel.insert("kmodd_types") == SUCCESS
    vm.set_parameter("module", "sig_enforce", "1")
    assert kernel.insert("kmodd_plain") == "EKEYREJECTED"
    vm.write("/proc/sys/kernel/modules_disabled", "1", atomic=False)
    assert [kernel.insert("kmodd_plain"), kernel.remove("kmodd_types")] == ["EPERM", "EPERM"]
    vm.set_parameter("kmodd_types", "int", "9")
    assert vm.parameter("kmodd_types", "int") == "9"


def test_the_log_is_what_modules_write(vm: VirtualMachine, kernel: KernelCalls) -> None:
    """Anything in anybody's name; only /dev/kmsg shows which bytes of a line are no line's end."""
    assert kernel.insert("kmodd_noisy", "lines=3000 victim=kmodd_plain result=-22") == "EINVAL"
    records = vm.run("dd", "if=/dev/kmsg", "iflag=nonblock", "bs=8192").stdout
    assert records.count(";kmodd_noisy: line ") == 3000
    assert ";kmodd_plain: Unknown symbol spoofed (err -2)\n" in records
    assert r";kmodd_noisy: red \x1b[31m, title \x1b]0;spoofed\x07, return \x0doverwritten" in records
    assert ";kmodd_noisy: first\\x0a<0>kmodd_plain: second\n" in records
