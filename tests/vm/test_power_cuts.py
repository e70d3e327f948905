"""Power that fails at a random moment of loading: nothing is quarantined without one more try."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from kmodd.daemon.message_id import MessageId
from tests.support.guest.conditions import module_live, module_loading
from tests.support.guest.daemon_bus import Bus
from tests.support.vm.machine import VirtualMachine
from tests.support.vm.snapshot import Snapshot

CUTS = 10
AT_ONCE = 2
"""Machines; this one has so many processors."""
EARLY = "systemd.unit=sysinit.target"
"""Up to where kmodd-load.service has been at work, which is all that most of the boots are for."""

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


def cut(vm: VirtualMachine, chance: random.Random) -> None:
    """The power goes while modules are loaded."""
    vm.systemctl("stop", "kmodd.service").check()
    vm.drop("40-modules.toml", FILE.format(after=chance.choice(QUICK)))
    vm.run("sync").check()
    vm.start("systemctl", "start", "kmodd.service")
    vm.wait_for(chance.choice((module_loading(SLEEPER), *map(module_live, QUICK))))
    vm.cut_power()


def suspects_after_a_cut(snapshot: Snapshot, chance: random.Random) -> int:
    """How many were tried once more in the boot after it, which has everything in and quarantines nothing."""
    with VirtualMachine.resume(snapshot) as vm:
        cut(vm, chance)
        vm.power_on(command_line=(EARLY,))
        assert {*QUICK, SLEEPER} <= vm.modules().keys()
        assert vm.properties("kmodd-load.service", "Result") == {"Result": "success"}
        assert vm.names_in("/var/lib/kmodd/intents") == ()
        assert "quarantines.json" not in vm.names_in("/var/lib/kmodd")
        return len(vm.journal(SUSPECT))


@pytest.mark.shows("P5", "P8")
def test_ten_power_cuts_quarantine_nothing(snapshot: Snapshot) -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    with ThreadPoolExecutor(AT_ONCE) as machines:
        chances = [random.Random(seed + number) for number in range(CUTS)]  # noqa: S311  no secret
        suspects = list(machines.map(lambda chance: suspects_after_a_cut(snapshot, chance), chances))
    print(f"suspects, each tried once more and found innocent: {suspects}")
    assert any(suspects)


@pytest.mark.shows("P5", "P8")
def test_after_a_power_cut_all_is_as_declared_in_the_end(vm: VirtualMachine) -> None:
    cut(vm, random.Random(random.SystemRandom().getrandbits(32)))  # noqa: S311  no secret
    vm.power_on()
    bus = Bus(vm)
    bus.wait_until_converged()
    assert {bus.module(name, "Condition") for name in (*QUICK, SLEEPER)} == {"in-sync"}
    assert vm.names_in("/var/lib/kmodd/intents") == ()
