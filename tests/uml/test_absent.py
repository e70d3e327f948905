"""What a machine may lack: each time one clear sentence and what to do (shown 8)."""

from collections.abc import Iterator

import pytest

from tests.support.guest.conditions import module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import KMODD, Machine

IN_OWN_MOUNTS = ("unshare", "--mount", "sh", "-c")


@pytest.fixture(scope="module")
def bare_machine() -> Iterator[Machine]:
    """A machine without modules for its kernel, and without a bus."""
    with Machine.boot(modules=False, bus=False) as machine:
        yield machine


def sentence(stderr: str) -> str:
    """The only line of ``stderr``."""
    (line,) = stderr.splitlines()
    assert "Traceback" not in line
    return line


def test_8_kernel_without_module_support(vm: Machine) -> None:
    """Such a kernel has a /proc like any other, less /proc/modules."""
    vm.run("mkdir", "-p", "/tmp/proc/sys").check()
    script = (
        "for file in version cmdline; do : > /tmp/proc/$file; mount --bind /proc/$file /tmp/proc/$file; done;"
        f"mount --bind /proc/sys /tmp/proc/sys && mount --rbind /tmp/proc /proc && exec {KMODD}"
    )
    ended = vm.run(*IN_OWN_MOUNTS, script)
    assert ended.status == 10
    line = sentence(ended.stderr)
    assert "/proc/modules" in line
    assert "CONFIG_MODULES" in line


def test_8_no_libkmod(vm: Machine) -> None:
    vm.drop("40-dummy.toml", "[module.dummy]\n")
    library = vm.run("sh", "-c", "readlink -f $(ldconfig -p | sed -n 's/.*libkmod.so.2.*=> //p' | head -1)")
    path = library.check().stdout.strip()
    vm.write("/tmp/not-a-library", "nothing")
    ended = vm.run(*IN_OWN_MOUNTS, f"mount --bind /tmp/not-a-library {path} && exec {KMODD}")
    assert ended.status == 12
    assert "libkmod2" in sentence(ended.stderr)


@pytest.mark.shows("fault: no tree")
def test_8_no_modules_of_the_running_kernel_and_no_bus(bare_machine: Machine) -> None:
    vm = bare_machine
    release = vm.run("uname", "-r").stdout.strip()
    vm.drop("40-dummy.toml", "[module.dummy]\n")
    vm.start_daemon()
    lines = vm.log().splitlines()
    assert len(lines) == 2, lines
    (no_bus,) = [line for line in lines if "bus" in line]
    assert "unix:path=/run/dbus/system_bus_socket" in no_bus
    assert "dbus" in no_bus
    (no_tree,) = [line for line in lines if line != no_bus]
    assert f"/lib/modules/{release}" in no_tree
    vm.start_bus()
    bus = Bus(vm)
    bus.wait_for_state("degraded")
    assert bus.module("dummy", "Condition") == "missing"
    assert any(release in row[3] for row in bus.manager("ConfigIssues"))
    vm.link(f"/lib/modules/{release}", f"/usr/lib/uml/modules/{release}")
    vm.wait_for(module_live("dummy"))
    bus.wait_for_state("converged")
