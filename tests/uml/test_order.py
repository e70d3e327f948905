"""Order as declared, across real dependencies, and loads that overlap where order allows (shown 3)."""

from itertools import combinations, pairwise

from tests.support.guest.conditions import module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import Machine

ALGORITHMS = ("anubis", "camellia_generic", "cast5_generic", "cast6_generic", "khazad", "serpent_generic")


def added(vm: Machine, since: int) -> list[str]:
    """Names of the modules that went live since event number ``since``, in the kernel's order."""
    return [event.module for event in vm.module_events(since) if event.action == "add"]


def test_3_ip_vs_and_its_schedulers_in_the_declared_order(vm: Machine) -> None:
    since = len(vm.module_events())
    vm.drop(
        "40-balance.toml",
        """
        [module.ip_vs_rr]
        requires = ["ip_vs_wrr"]
        after = ["ip_vs_sh"]
        [module.ip_vs_sh]
        after = ["ip_vs_lc"]
        [module.ip_vs_lc]
        before = ["ip_vs_wlc"]
        wants = ["ip_vs_nq"]
        [module.ip_vs_wlc]
        """,
    )
    vm.start_daemon()
    Bus(vm).wait_until_converged()
    order = added(vm, since)
    position = {name: order.index(name) for name in order}
    before = [
        ("nf_conntrack", "ip_vs"),
        ("ip_vs", "ip_vs_lc"),
        ("ip_vs", "ip_vs_wrr"),
        ("ip_vs_wrr", "ip_vs_rr"),
        ("ip_vs_sh", "ip_vs_rr"),
        ("ip_vs_lc", "ip_vs_sh"),
        ("ip_vs_lc", "ip_vs_wlc"),
        ("ip_vs_nq", "ip_vs_lc"),
    ]
    assert [pair for pair in before if position[pair[0]] > position[pair[1]]] == []


def test_3_failed_requirement_holds_back_its_dependants_alone(vm: Machine) -> None:
    vm.drop(
        "40-missing.toml",
        """
        [module.ip_vs_rr]
        requires = ["no_such_module"]
        [module.ip_vs_lc]
        wants = ["no_such_module"]
        """,
    )
    vm.start_daemon()
    bus = Bus(vm)
    vm.wait_for(module_live("ip_vs_lc"))
    bus.wait_for_condition("ip_vs_rr", "waiting-for-dependency")
    assert "no_such_module" in bus.module("ip_vs_rr", "Message")
    assert bus.module("no_such_module", "Condition") == "missing"
    bus.wait_for_condition("ip_vs_lc", "in-sync")
    assert "ip_vs_rr" not in vm.modules()


def test_3_independent_loads_overlap(vm: Machine) -> None:
    """The self-test of a cipher runs in a thread of the kernel while the load sleeps, so others can begin."""
    vm.drop("40-ciphers.toml", "".join(f"[module.{name}]\n" for name in ALGORITHMS))
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    spans = {}
    for name in ALGORITHMS:
        end_us = bus.module(name, "LoadedUSec")
        spans[name] = (end_us - bus.module(name, "LoadDurationUSec"), end_us)
    overlaps = [
        (a, b)
        for a, b in combinations(ALGORITHMS, 2)
        if spans[a][0] < spans[b][1] and spans[b][0] < spans[a][1]
    ]
    assert overlaps, spans


def test_3_parallel_loads_can_be_limited_to_one(vm: Machine) -> None:
    vm.drop("kmodd.toml", "parallel_loads = 1\n", directory="/etc/kmodd")
    vm.drop("40-ciphers.toml", "".join(f"[module.{name}]\n" for name in ALGORITHMS))
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    ends = sorted((bus.module(n, "LoadedUSec"), bus.module(n, "LoadDurationUSec")) for n in ALGORITHMS)
    vm.remove("/etc/kmodd/kmodd.toml")
    assert all(end - duration >= previous for (previous, _), (end, duration) in pairwise(ends))
