"""Power that fails at a random moment of loading: nothing is quarantined without one more try."""

import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from kmodd.daemon.message_id import MessageId
from tests.support.guest.conditions import module_live, module_loading
from tests.support.guest.daemon_bus import Bus
from tests.support.vm.machine import VirtualMachine
from tests.support.vm.snapshot import Snapshot

CUTS = int(os.environ.get("KMODD_POWER_CUTS", "2"))
"""Ten take ten minutes under emulation; that is for the night."""
AT_ONCE = 2
"""Machines; this one has so many processors."""

SLEEPER = "kmodd_sleep"
"""Its init takes a while, so that a cut often meets it."""
QUICK = (
    "dummy",
    "ip_vs",
    "nls_euc_jp",
    "kmodd_plain",
    "kmodd_types",
    "minix",
    "crc7",
    "romfs",
    "nfs",
    "af_alg",
)
FILE = (
    "\n".join(f"[module.{name}]" for name in QUICK)
    + f"""
[module.{SLEEPER}]
parameters.init_seconds = 3
after = ["{{after}}"]
"""
)
SUSPECT = f"MESSAGE_ID={MessageId.SUSPECT}"


def cut_and_boot(snapshot: Snapshot, chance: random.Random) -> int:
    """One machine whose power is cut; how many were suspects in the boot after that, which converges."""
    with VirtualMachine.resume(snapshot) as vm:
        vm.systemctl("stop", "kmodd.service").check()
        vm.drop("40-modules.toml", FILE.format(after=chance.choice(QUICK)))
        vm.run("sync").check()
        vm.start("systemctl", "start", "kmodd.service")
        vm.wait_for(chance.choice((module_loading(SLEEPER), *map(module_live, QUICK))))
        vm.cut_power()
        vm.power_on()
        bus = Bus(vm)
        bus.wait_until_converged()
        assert {*QUICK, SLEEPER} <= vm.modules().keys()
        assert {bus.module(name, "Condition") for name in (*QUICK, SLEEPER)} == {"in-sync"}
        assert vm.names_in("/var/lib/kmodd/intents") == ()
        return len(vm.journal(SUSPECT))


@pytest.mark.shows("P5", "P8")
def test_power_cuts(snapshot: Snapshot) -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    with ThreadPoolExecutor(AT_ONCE) as machines:
        chances = [random.Random(seed + number) for number in range(CUTS)]  # noqa: S311  no secret
        suspects = list(machines.map(lambda chance: cut_and_boot(snapshot, chance), chances))
    print(f"suspects, each tried once more and found innocent: {suspects}")
    assert any(suspects)
