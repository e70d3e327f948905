"""A minute (at night ten) of whatever can happen to kmodd, in random order; it never says what is not so."""

import os
import time
from random import Random

import pytest

from tests.support.guest.daemon_bus import MANAGER, MANAGER_PATH, Bus, property_is
from tests.support.uml.machine import Machine
from tests.support.uml.soak import FILES, FINAL, OTHERS, PATIENCE_S, Doer, draw, footprint, lies, zombies

SECONDS = float(os.environ.get("KMODD_SOAK_SECONDS", "60"))
SEED = int(os.environ.get("KMODD_SOAK_SEED", "0")) or int.from_bytes(os.urandom(4))
MOST_GROWTH = 1.5
"""Of the daemon: what it may have more at the end, as a factor."""


@pytest.mark.shows("P2", "P6", "P8")
def test_kmodd_never_lies_and_leaks_nothing_whatever_happens(vm: Machine) -> None:
    print(f"KMODD_SOAK_SEED={SEED}")
    random, doer = Random(SEED), Doer(vm)  # noqa: S311  no secret
    vm.start_daemon()
    end_at(vm, doer)
    start = footprint(vm)
    vm.remove_file("90-final.toml")
    done, looks, moved, found = 0, 0, 0, []
    half_s, end_s = time.monotonic() + SECONDS / 2, time.monotonic() + SECONDS
    while time.monotonic() < end_s:
        doer.spares_daemon = time.monotonic() > half_s  # one that is killed has no time to grow
        for _ in range(random.choice((1, 1, 2, 3, 6))):
            action = draw(random)
            print(f"{vm.clock_s():8.2f} {action}")
            doer.do(action)
            done += 1
        if not doer.hears():
            found.append(f"after {done} actions: what events tell of was not heard")
        doer.quieten()
        lied = lies(vm)
        looks += lied is not None
        moved += lied is None
        found += [f"after {done} actions: {lie}" for lie in lied or ()]
        for lie in lied or ():
            print(f"{vm.clock_s():8.2f} LIE {lie}")
    end_at(vm, doer)
    end = footprint(vm)
    print(
        f"{done} actions, {sum(doer.kills.values())} kills {dict(doer.kills)}, {looks} looks ({moved} moved),"
    )
    print(f"{len(found)} lies; {start} -> {end}")
    assert found == []
    assert lies(vm) == []
    assert end.daemon_files <= start.daemon_files
    assert end.loader_files <= start.loader_files
    assert end.processes <= start.processes
    assert end.daemon_kib <= start.daemon_kib * MOST_GROWTH
    assert zombies(vm) == []
    assert "Traceback" not in vm.log()
    assert "defect" not in vm.log()


def end_at(vm: Machine, doer: Doer) -> None:
    """The last files, and the kernel as they say."""
    for name in (*FILES, "50-more.toml"):
        doer.take_away(name)
    vm.drop("90-final.toml", FINAL)
    Bus(vm).call("Reload")  # ends what a rollback holds, which refuses overrides
    for name in OTHERS:
        doer.forget(name)
    doer.resume()
    doer.quieten()
    assert vm.names_in("/run/kmodd.d") == ()
    vm.wait_for(property_is(MANAGER_PATH, MANAGER, "Converged", "true"), PATIENCE_S)
    assert {"dummy", "ip_vs_rr", "anubis", "scsi_debug"} <= vm.modules().keys()
    assert "wp512" not in vm.modules()
