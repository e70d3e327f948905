"""What kmodd may do: as systemd scores it, and as the kernel holds it to (shown 8)."""

import re

import pytest

from tests.support.debian.confinement import confinement
from tests.support.debian.machine import DebianMachine
from tests.support.debian.systemd import KMODD, KMODD_LOAD

MOST_EXPOSURE = 2.5
REFUSED = (
    ("touch", "/etc/kmodd/x"),
    ("touch", "/usr/lib/modules/x"),
    ("touch", "/root/x"),
    ("sh", "-c", "echo 1 > /proc/sys/kernel/sysrq"),
    ("sh", "-c", "echo debian > /proc/sys/kernel/hostname"),
    ("sh", "-c", "exec 3< /dev/kmsg"),
    ("dd", "if=/dev/ubda", "of=/dev/null", "count=1"),
    ("unshare", "--mount", "true"),
    ("unshare", "--user", "true"),
    ("chrt", "--fifo", "1", "true"),
    ("chown", "root", "/run/modprobe.d"),
    ("python3", "-c", "import socket; socket.socket()"),
    ("python3", "-c", "import mmap; mmap.mmap(-1, 4096, prot=7)"),
)
"""What root can do and kmodd has no business with."""

_NOT_SANDBOX = (  # how the service starts and ends
    "Type=",
    "BusName=",
    "ExecStart=",
    "Restart",
    "Watchdog",
    "TimeoutStopSec=",
    "KillMode=",
    "OpenFile=",
    "RuntimeDirectory",
    "StateDirectory=",
)


@pytest.mark.parametrize("unit", [KMODD, KMODD_LOAD])
def test_the_exposure_is_low(debian: DebianMachine, unit: str, told: list[str]) -> None:
    report = debian.run("systemd-analyze", "--no-pager", "security", unit).check().stdout
    score = re.search(r"Overall exposure level for \S+: (\S+)", report)
    assert score, report
    told.append(f"systemd-analyze security {unit}: {score[1]} (at most {MOST_EXPOSURE})")
    assert float(score[1]) <= MOST_EXPOSURE, report


def test_the_kernel_holds_the_daemon_to_it(vm: DebianMachine, told: list[str]) -> None:
    pid = int(vm.properties(KMODD, "MainPID")["MainPID"])
    held = confinement(vm, pid)
    told += [f"process of {KMODD}:", *(f"    {line}" for line in held.lines())]
    assert held.effective == held.bounding
    assert held.bounding == {"cap_sys_module", "cap_sys_ptrace", "cap_dac_read_search"}
    assert (held.no_new_privileges, held.seccomp, held.umask) == (True, "filter", "0077")
    assert any(name.startswith("mnt:") for name in held.namespaces)


def test_every_process_of_it_is_held_to_the_same(vm: DebianMachine) -> None:
    vm.drop("10-dummy.toml", "[module.dummy]\n")
    vm.systemctl("reload", KMODD).check()
    vm.run("busctl", "call", "org.kmodd1", "/org/kmodd1", "org.kmodd1.Manager", "Reconcile").check()
    pids = vm.read(
        f"/sys/fs/cgroup{vm.properties(KMODD, 'ControlGroup')['ControlGroup']}/cgroup.procs"
    ).split()
    assert len(pids) > 1, "the loader is a process of its own"
    assert len({confinement(vm, int(pid)) for pid in pids}) == 1


@pytest.mark.parametrize("command", REFUSED, ids=" ".join)
def test_what_root_may_is_refused_to_it(debian: DebianMachine, command: tuple[str, ...]) -> None:
    debian.run(*command).check()
    assert debian.run(*as_confined(debian, command)).status != 0


def test_its_work_is_not_refused(vm: DebianMachine) -> None:
    vm.run(*as_confined(vm, ("modprobe", "dummy"))).check()
    assert "dummy" in vm.modules()


def as_confined(vm: DebianMachine, command: tuple[str, ...]) -> tuple[str, ...]:
    """The command as a transient service with the sandbox of kmodd.service."""
    text = vm.read(f"/usr/lib/systemd/system/{KMODD}")
    service = text.partition("[Service]\n")[2].partition("[Install]")[0]
    settings = [line for line in service.splitlines() if line and line[0] != "#"]
    sandbox = [line for line in settings if not line.startswith(_NOT_SANDBOX)]
    return (
        "systemd-run",
        "--pipe",
        "--wait",
        "--quiet",
        *(f"--property={setting}" for setting in sandbox),
        "--",
        *command,
    )
