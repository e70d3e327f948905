"""A whole Debian with systemd, kmodd's own package and what it is measured beside; for the bench alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from deb.build import built_package

from tests.support.debian.machine import DebianMachine
from tests.support.images.recipe import SUITE, Company, installed
from tests.support.uml.process import REPOSITORY

PEERS = Company("-peers", ("firewalld", "ipset", "iptables", "tuned", "ansible"))
PYTHON = "/usr/bin/python3"
_MEMORY_MIB = 1024
_FIREWALLD = "/etc/firewalld/firewalld.conf"
_LEGACY = ("iptables", "ip6tables")


@contextmanager
def machine() -> Iterator[DebianMachine]:
    """It sees this checkout, where it lies here, and cannot write to it.

    Raises ImageNotBuilt, ModulesNotBuilt or DebError where its disk cannot be made.
    """
    image = installed(built_package(suite=SUITE), SUITE, PEERS)
    with DebianMachine.boot(image, memory_mib=_MEMORY_MIB) as vm:
        _show_checkout(vm)
        _make_firewalld_work(vm)
        yield vm


def _show_checkout(vm: DebianMachine) -> None:
    """By the hostfs of 6.12; older ones take the path without a name."""
    options = f"ro,hostfs={REPOSITORY}"
    vm.run("mkdir", "--parents", str(REPOSITORY)).check()
    vm.run("mount", "-t", "hostfs", "-o", options, "checkout", str(REPOSITORY)).check()


def _make_firewalld_work(vm: DebianMachine) -> None:
    """Without nftables: in User Mode Linux it has no tables of family inet, and firewalld needs those."""
    for tool in _LEGACY:
        vm.run("update-alternatives", "--set", tool, f"/usr/sbin/{tool}-legacy").check()
    settings = vm.read(_FIREWALLD)
    vm.write(_FIREWALLD, settings.replace("FirewallBackend=nftables", "FirewallBackend=iptables"))
