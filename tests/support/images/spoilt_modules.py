"""Modules' files that no compiler makes: what a broken disk, another kernel or somebody else's key leave."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

_SIGNATURE_MAGIC: Final = b"~Module signature appended~\n"
_SIGNATURE_INFO_BYTES: Final = 12
_CRC_BYTES: Final = 8


class ModuleNotUnderstood(Exception):
    """A built module does not look as expected, so it cannot be spoilt as wanted."""


def spoil(directory: Path, signed: bytes) -> None:
    """Spoil what is in ``directory`` for that, and add some; ``signed``: a module of Debian's."""
    signature = _signature(signed)
    spoilt: Mapping[str, Callable[[bytes], bytes]] = {
        "kmodd_crc": _with_other_crc,
        "kmodd_cut_signature": lambda module: module + signature[len(signature) // 2 :],
        "kmodd_foreign_signature": lambda module: module + signature,
        "kmodd_truncated": lambda module: module[: len(module) // 2],
        "kmodd_vermagic": _of_other_vermagic,
    }
    for name, change in spoilt.items():
        path = directory / f"{name}.ko"
        path.write_bytes(change(path.read_bytes()))
    (directory / "kmodd_empty.ko").touch()
    (directory / "kmodd_garbage.ko").write_bytes(b"This is no module.\n" * 500)


def _signature(module: bytes) -> bytes:
    """All that scripts/sign-file.c appends: signature, 12 bytes that end with its length, a magic string."""
    info_end = len(module) - len(_SIGNATURE_MAGIC)
    if module[info_end:] != _SIGNATURE_MAGIC:
        raise ModuleNotUnderstood("Debian's module is not signed")
    length = int.from_bytes(module[info_end - 4 : info_end], "big")
    return module[info_end - _SIGNATURE_INFO_BYTES - length :]


def _with_other_crc(module: bytes) -> bytes:
    """As built against other types: struct modversion_info (linux/module.h) is a checksum, then a name."""
    place = _only(module, b"module_layout\0") - _CRC_BYTES
    return module[:place] + bytes([module[place] ^ 0xFF]) + module[place + 1 :]


def _of_other_vermagic(module: bytes) -> bytes:
    """As built for a kernel with other settings; another release alone is no matter under modversions."""
    place = module.index(b" SMP ", _only(module, b"\0vermagic="))
    return module[:place] + b" UP  " + module[place + 5 :]


def _only(module: bytes, wanted: bytes) -> int:
    """Where it is, if it is there once."""
    if module.count(wanted) != 1:
        raise ModuleNotUnderstood(f"{wanted!r} is {module.count(wanted)} times in a built module")
    return module.index(wanted)
