"""``systemctl start`` until the service is active: kmodd with 200 modules, beside firewalld and tuned."""

from functools import partial

from bench.guest import units
from bench.measurement import seconds_in_turns
from bench.series import Comparison, Finding

DECLARED = 200
_MOST = 0.25


def measure(rounds: int) -> Finding:
    """By the service manager's timestamps. The warm-up leaves kmodd with a cached catalog."""
    units.afresh(DECLARED)
    parts = {unit.removesuffix(".service"): partial(units.start_s, unit) for unit in units.ALL}
    kmodd, *peers = seconds_in_turns(rounds, parts)
    set_up_s = units.set_up_s(units.KMODD)
    units.stop(*units.ALL)
    return Finding(
        tuple(Comparison(f"start / {peer.label}", kmodd, peer, _MOST) for peer in peers),
        (
            f"start: kmodd's time has its sandbox in it (the last time {set_up_s * 1000:.0f} ms before exec),"
            " firewalld's the firewall-cmd --state that its unit waits for",
            "start: firewalld uses iptables, because nf_tables of User Mode Linux has no family inet",
        ),
    )
