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
    units.stop(*units.ALL)
    return Finding(
        tuple(Comparison(f"start / {peer.label}", kmodd, peer, _MOST) for peer in peers),
        (
            "start: kmodd's sandbox is in its time, and in firewalld's the firewall-cmd --state that its unit"
            " waits for; firewalld uses iptables, because nftables of User Mode Linux lacks what it needs",
        ),
    )
