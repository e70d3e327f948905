"""The client's side of EXTERNAL (D-Bus specification, Authentication Protocol), without fd passing."""

import os

from kmodd.bus.message import WireError

BEGIN = b"BEGIN\r\n"
"""What ends the dialogue; who is sure of his credentials need not wait for the server before it."""


def first_line() -> bytes:
    """What is sent first; the NUL byte carries the credentials."""
    return b"\0AUTH EXTERNAL %s\r\n" % str(os.getuid()).encode().hex().encode()


def next_line(line: bytes) -> bytes:
    """What answers ``line`` of the server, always BEGIN; raises WireError when it refuses."""
    if line.split()[:1] != [b"OK"]:
        raise WireError("the bus refuses our credentials")
    return BEGIN
