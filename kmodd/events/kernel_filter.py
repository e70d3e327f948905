"""A socket filter that lets uevents of the kernel through that begin as wanted, and nothing else.

libudev filters in the kernel only what udevd sends; on the kernel's own group it drops the rest after waking
the process. These messages begin with "ACTION@DEVPATH" (lib/kobject_uevent.c), and the devpath of a module is
"/module/NAME", so a classic BPF program (linux/filter.h) that compares the beginning is enough.
"""

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from typing import Final

_SO_ATTACH_FILTER: Final = 26  # asm-generic/socket.h
_LOAD: Final = {4: 0x20, 2: 0x28, 1: 0x30}  # BPF_LD | BPF_ABS | BPF_W, BPF_H, BPF_B by width in bytes
_JUMP_IF_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_WHOLE_PACKET: Final = 0xFFFFFFFF

# Shorter ones first: a load beyond the end of a packet drops it.
MODULE_PREFIXES: Final = (b"add@/module/", b"remove@/module/")


def program(prefixes: tuple[bytes, ...]) -> bytes:
    """The filter, shorter ones first, as an array of struct sock_filter (code u16, jt u8, jf u8, k u32)."""
    instructions = b"".join(_accept(prefix) for prefix in prefixes)
    return instructions + _instruction(_RETURN, 0)


def _accept(prefix: bytes) -> bytes:
    """Instructions that accept a packet beginning with ``prefix`` and otherwise go on behind themselves."""
    chunks = list(_chunks(prefix))
    code = b""
    for index, (offset, chunk) in enumerate(chunks):
        # Behind this jump stand two instructions for each chunk left, and the return.
        skip = 2 * (len(chunks) - index - 1) + 1
        code += _instruction(_LOAD[len(chunk)], offset)
        code += _instruction(_JUMP_IF_EQUAL, int.from_bytes(chunk, "big"), jump_false=skip)
    return code + _instruction(_RETURN, _WHOLE_PACKET)


def _chunks(prefix: bytes) -> Iterator[tuple[int, bytes]]:
    """``prefix`` cut into the widest pieces that a load takes, with their offsets."""
    offset = 0
    while offset < len(prefix):
        width = next(width for width in _LOAD if width <= len(prefix) - offset)
        yield offset, prefix[offset : offset + width]
        offset += width


def _instruction(code: int, value: int, *, jump_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, 0, jump_false, value)


def attach(descriptor: int, code: bytes) -> None:
    """Make ``code`` the filter of a socket, in place of the one it has (socket(7)). Raises OSError."""
    buffer = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: u16 len, padding, pointer
    filter_program = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    with socket.socket(fileno=os.dup(descriptor)) as same_socket:
        same_socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_program)
