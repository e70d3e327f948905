"""Small calls on the system bus, by one client: kmodd beside firewalld and tuned."""

from functools import partial

from bench.asker import GET_VERSION, VERSION, Asker, Target, calls_a_second
from bench.guest import units
from bench.measurement import seconds_in_turns
from bench.series import Comparison, Finding
from kmodd.bus import names
from kmodd.bus.encode import encode

DECLARED = 200
CALLS = 200
_MOST = 1 / 1.5
_FIREWALL = "org.fedoraproject.FirewallD1"
_FIREWALLD: Target = (_FIREWALL, "/org/fedoraproject/FirewallD1", names.PROPERTIES, "Get")
_TUNED: Target = ("com.redhat.tuned", "/Tuned", "com.redhat.tuned.control", "active_profile")
_FIREWALLD_VERSION = encode("ss", (_FIREWALL, "version"))


def measure(rounds: int) -> Finding:
    """One call after another; all three services are there."""
    units.afresh(DECLARED)
    for unit in units.ALL:
        units.start(unit)
    with Asker(names.SYSTEM_BUS) as asker:
        ask = partial(asker.seconds_a_call, CALLS)
        parts = {
            "kmodd, a property": partial(ask, GET_VERSION, "ss", VERSION),
            "firewalld, a property": partial(ask, _FIREWALLD, "ss", _FIREWALLD_VERSION),
            "tuned, active_profile": partial(ask, _TUNED),
        }
        kmodd, firewalld, tuned = seconds_in_turns(rounds, parts)
    units.stop(*units.ALL)
    return Finding(
        (
            Comparison("small call / firewalld", kmodd, firewalld, _MOST),
            Comparison("small call / tuned", kmodd, tuned, _MOST),
        ),
        (
            f"in that Debian, {calls_a_second(kmodd, firewalld, tuned)}",
            "small call: tuned has no property, and asks polkit before each of its methods, in its time too",
        ),
    )
