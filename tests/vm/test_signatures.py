"""A kernel that wants signed modules, and one that has none: the code and the sentence say so (shown 6)."""

from collections.abc import Iterator

import pytest

from tests.support.guest.conditions import module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.guest.report import MACHINE
from tests.support.images.recipe import Image
from tests.support.vm.boot import Boot
from tests.support.vm.machine import VirtualMachine

UNSIGNED = "dummy"
SIGNED = "ifb"
# The signature is appended: the module, the signature, 12 bytes that end with its length, a magic string
# (scripts/sign-file.c). The kernel's own decompressor knows no other check than CRC32.
CUT = """
import lzma, pathlib, sys
magic = b"~Module signature appended~\\n"
path = pathlib.Path(sys.argv[1])
module = lzma.decompress(path.read_bytes())
assert module.endswith(magic)
end = len(module) - len(magic)
length = int.from_bytes(module[end - 4 : end], "big")
path.write_bytes(lzma.compress(module[: end - 12 - length], check=lzma.CHECK_CRC32, preset=0))
"""
DECLARED = f"[module.{UNSIGNED}]\n[module.{SIGNED}]\n"


def cut_signature(vm: VirtualMachine) -> None:
    """Take the signature off a module's file."""
    path = vm.run("modinfo", "--field=filename", UNSIGNED).check().stdout.strip()
    vm.run("python3", "-c", CUT, path).check()


def refused(vm: VirtualMachine) -> str:
    """Declare both: what the status says of the unsigned one when it has failed and the signed one is in."""
    vm.drop("40-modules.toml", DECLARED)
    bus = Bus(vm)
    bus.wait_for_condition(UNSIGNED, "failed")
    vm.wait_for(module_live(SIGNED))
    message: str = bus.module(UNSIGNED, "Message")
    return message


@pytest.fixture
def locked_down(image: Image, request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    """A machine whose kernel was booted in lockdown."""
    with VirtualMachine.boot(Boot(image, ("lockdown=integrity",))) as machine:
        request.node.stash[MACHINE] = machine
        yield machine


def test_6_an_unsigned_module_under_lockdown(locked_down: VirtualMachine) -> None:
    cut_signature(locked_down)
    message = refused(locked_down)
    assert message.startswith("lockdown: ")
    assert "sign it" in message
    assert UNSIGNED not in locked_down.modules()
    assert message in locked_down.kmoddctl("status", UNSIGNED).stdout
    (entry,) = locked_down.journal(f"MODULE={UNSIGNED}", "OUTCOME=failed")
    assert "lockdown" in entry.message


def test_6_an_unsigned_module_where_signatures_are_enforced(vm: VirtualMachine) -> None:
    """As with module.sig_enforce=1 on the command line: it can be switched on, never off."""
    cut_signature(vm)
    vm.set_parameter("module", "sig_enforce", "1")
    message = refused(vm)
    assert message.startswith("bad-signature: ")
    assert "sign it" in message


def test_6_an_unsigned_module_where_nobody_minds(vm: VirtualMachine) -> None:
    """It is in, and its taint says how."""
    cut_signature(vm)
    vm.drop("40-modules.toml", DECLARED)
    bus = Bus(vm)
    bus.wait_for_condition(UNSIGNED, "in-sync")
    assert bus.module(UNSIGNED, "Taint") == "E"
    assert bus.module(SIGNED, "Taint") == ""
