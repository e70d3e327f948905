"""A user without rights against the installed package, for KMODD_ABUSE_SECONDS: an hour at night."""

import os

import pytest

from tests.support.debian.machine import DebianMachine
from tests.support.debian.systemd import KMODD
from tests.support.guest.daemon_bus import Bus
from tests.support.guest.footprint import PLACES, PROGRAM, assert_bounded, flood, footprint

SECONDS = int(os.environ.get("KMODD_ABUSE_SECONDS", "20"))
ABUSE = ("/usr/bin/python3", "/var/tmp/abuse.py")
SPENT = ("CPUUsageNSec", "MemoryCurrent", "MemoryPeak", "TasksCurrent", "NRestarts", "Result")


@pytest.mark.shows("P11")
def test_long_abuse_by_a_user_costs_little(vm: DebianMachine) -> None:
    vm.write(ABUSE[1], PROGRAM.read_bytes())
    vm.run("mkdir", "-p", *PLACES).check()
    bus = Bus(vm)
    vm.drop("40-dummy.toml", "[module.dummy]\n")
    bus.wait_for_condition("dummy", "in-sync")
    daemon = int(vm.properties(KMODD, "MainPID")["MainPID"])
    flood(vm, *ABUSE, rounds=1)  # what it needs once is there
    before, since, spent = footprint(vm, daemon), len(vm.module_events()), vm.properties(KMODD, *SPENT)
    abuse = flood(vm, *ABUSE, rounds=1, seconds=SECONDS)
    after, spent_after = footprint(vm, daemon), vm.properties(KMODD, *SPENT)
    print(f"{SECONDS} s: {abuse}; {before}; {after}; {spent}; {spent_after}")
    assert abuse.asked > 0
    assert_bounded(before, after)
    assert len(vm.module_events()) == since
    assert bus.call("Reconcile") == []
    assert int(vm.properties(KMODD, "MainPID")["MainPID"]) == daemon
    assert (spent_after["NRestarts"], spent_after["Result"]) == ("0", "success")
    assert int(spent_after["TasksCurrent"]) <= int(spent["TasksCurrent"])
