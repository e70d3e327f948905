"""A program in the guest, which what it asks for may end: finit_module(2), delete_module(2), without libkmod.

Its argument is JSON: a list of ["insert", path, parameters] and ["remove", name]. It prints a list with the
name of each one's errno, "" for success. Standard library only.
"""

import ctypes
import errno
import json
import os
import sys

_FINIT_MODULE = 313  # x86-64 (arch/x86/entry/syscalls/syscall_64.tbl)
_DELETE_MODULE = 176
_LIBC = ctypes.CDLL(None, use_errno=True)


def insert(path: str, parameters: str) -> str:
    """Load a file that is not compressed."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _call(_FINIT_MODULE, descriptor, parameters.encode(), 0)
    finally:
        os.close(descriptor)


def remove(name: str) -> str:
    """Unload, at once or not at all."""
    return _call(_DELETE_MODULE, name.encode(), os.O_NONBLOCK)


def _call(number: int, *arguments: int | bytes) -> str:
    if _LIBC.syscall(number, *arguments) == 0:
        return ""
    return errno.errorcode[ctypes.get_errno()]


def _answer(name: str, *arguments: str) -> str:
    return insert(*arguments) if name == "insert" else remove(*arguments)


if __name__ == "__main__":
    print(json.dumps([_answer(*call) for call in json.loads(sys.argv[1])]))
