"""What a client can do to kmodd over the bus, all of it at once.

``abuse.py flood ROUNDS SECONDS``: started by root, it becomes nobody before it connects; it goes on for so
many rounds and so long, at least. ``abuse.py hostile``: root itself, hostile text in whatever takes text.
Both print how often which answer came, as JSON.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator

from kmodd.bus import auth, names, outgoing
from kmodd.bus.connection import Connection, RemoteError, connect
from kmodd.bus.interfaces import MANAGER
from kmodd.bus.message import NO_REPLY_EXPECTED, Variant
from kmodd.bus.standard import STANDARD
from kmodd.errors import KmoddError

Call = tuple[str, str, str, tuple[object, ...]]
"""Interface, member, signature, arguments."""

HOSTILE = (
    "../../etc/passwd",
    "-r",
    "; reboot",
    "$(reboot)",
    "%s%n",
    "",
    "a\nb",
    "a\n\n[module.nlmon]",
    "\x1b[2Jdummy",
    "\x85\u2028\u202e",
    "\\",
    '"',
    "x" * 10_000,
)
NOBODY = 65534
_CONNECTIONS, _UNREAD, _RULES = 10, 1000, 100
_BIG_BYTES = 4 << 20


async def main() -> Counter[str]:
    """How often which answer came."""
    if sys.argv[1] == "hostile":
        return await _hostile()
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    outcomes: Counter[str] = Counter()
    rounds, end_s = int(sys.argv[2]), time.monotonic() + float(sys.argv[3])
    while rounds > 0 or time.monotonic() < end_s:
        rounds -= 1
        connections = [await connect(names.SYSTEM_BUS) for _ in range(_CONNECTIONS)]
        await asyncio.gather(*(_flood(each, outcomes) for each in connections))
        for each in connections:
            await each.close()
    return outcomes


async def _hostile() -> Counter[str]:
    outcomes: Counter[str] = Counter()
    connection = await connect(names.SYSTEM_BUS)
    for call in (*_texts(), *_overrides()):
        outcomes[f"{call[1]} {await _outcome(connection, call)}"] += 1
    await connection.close()
    return outcomes


async def _flood(connection: Connection, outcomes: Counter[str]) -> None:
    for number in range(_RULES):
        rule = f"type='signal',sender='{names.SERVICE}',arg0='{number}'"
        await connection.call_bus("AddMatch", "s", (rule,))
    target = (names.SERVICE, names.MANAGER_PATH, names.OBJECT_MANAGER, "GetManagedObjects")
    for serial in range(1 << 20, (1 << 20) + _UNREAD):
        connection._transport.send(outgoing.method_call(serial, target, flags=NO_REPLY_EXPECTED))
    for call in (*_plain(), *_texts(), *_overrides(), *_senseless()):
        outcomes[await _outcome(connection, call)] += 1


def _plain() -> Iterator[Call]:
    """Every member that takes nothing."""
    for interface in (MANAGER, *STANDARD):
        for member, method in interface.methods.items():
            if not method.inputs:
                yield interface.name, member, "", ()


def _texts() -> Iterator[Call]:
    """Every member that takes texts and nothing else."""
    for interface in (MANAGER, *STANDARD):
        for member, method in interface.methods.items():
            signature = method.input_signature
            if signature and not signature.strip("s"):
                for text in HOSTILE:
                    yield interface.name, member, signature, (text,) * len(signature)


def _overrides() -> Iterator[Call]:
    """A reason of each text, and in turn a name, key, value or parameter: each call is compiled."""
    for number, text in enumerate(HOSTILE):
        said = Variant("s", text)
        parameter = Variant("a{sv}", {"numdummies": said})
        others: tuple[tuple[str, dict[str, object]], ...] = (
            (text, {}),
            ("dummy", {text: said}),
            ("dummy", {"after": Variant("as", [text])}),
            ("dummy", {"parameters": parameter}),
            ("dummy", {"parameters": Variant("a{sv}", {text: Variant("i", 1)})}),
        )
        yield MANAGER.name, "SetOverride", "sa{sv}", ("dummy", {"reason": said})
        yield MANAGER.name, "SetOverride", "sa{sv}", others[number % len(others)]


def _senseless() -> Iterator[Call]:
    """What nobody takes, and what is too much."""
    for member in auth.ACTIONS:
        interface, _, name = member.rpartition(".")
        yield interface, name, "aas", ([["x"] * 100],)
    yield MANAGER.name, "GetModule", "s", ("x" * _BIG_BYTES,)
    yield MANAGER.name, "NoSuchMember", "", ()
    yield "no.such.Interface", "Get", "ss", ("a", "b")


async def _outcome(connection: Connection, call: Call) -> str:
    """Name of the error, or "answered"."""
    interface, member, signature, arguments = call
    target = (names.SERVICE, names.MANAGER_PATH, interface, member)
    try:
        await connection.call(target, signature, arguments, timeout_s=300.0)
    except RemoteError as error:
        return error.name
    except KmoddError as error:
        return error.kind.code
    return "answered"


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main())))
