"""What of an initramfs image matters to kmodd: its modules, and the copies of the generated files."""

import os
import re
import subprocess
from collections.abc import Iterator
from typing import IO, Final, cast

from kmodd.core.initramfs import Held
from kmodd.core.modprobe_conf import HEADER
from kmodd.initramfs.archive import Entry, NoImage, Reader, entries

_DECOMPRESSORS: Final = (
    (b"\x1f\x8b", ("gzip", "-cd")),
    (b"\x28\xb5\x2f\xfd", ("zstd", "-cdq")),
    (b"\xfd7zXZ\0", ("xz", "-cd")),
    (b"\x5d\0\0", ("xz", "-cd")),
    (b"\x02\x21\x4c\x18", ("lz4", "-cd")),
    (b"BZh", ("bzip2", "-cd")),
    (b"\x89LZO", ("lzop", "-cd")),
)
"""By how a compressed file begins, as far as the kernel knows it (lib/decompress.c)."""
_LONGEST_MAGIC: Final = 8
_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
_DIRECTORIES: Final = (b"lib", b"usr/lib", b"usr/local/lib", b"run", b"etc")
"""Of modprobe.d(5), the one that hides the others last."""
_CONF = re.compile(rb"(?:\./|/)?(%s)/modprobe\.d/([^/]+\.conf)" % b"|".join(_DIRECTORIES))
_MODULE = re.compile(
    rb"(?:\./|/)?(?:usr/)?lib/modules/([^/]+)/(?:.*/)?([A-Za-z0-9_-]{1,55})\.ko(?:\.(?:xz|zst|gz))?"
)


def read_image(file: IO[bytes], release: str) -> Held:
    """What an image holds for a kernel. Raises NoImage; OSError: unreadable, or no such decompressor."""
    modules: set[str] = set()
    texts: dict[tuple[int, bytes], str] = {}
    for name, content in _entries(file):
        module = _MODULE.fullmatch(name)
        if module and module[1] == os.fsencode(release):
            modules.add(module[2].decode().replace("-", "_"))
        conf = _CONF.fullmatch(name)
        if conf and content is not None:
            place = _DIRECTORIES.index(conf[1]), conf[2]
            texts[place] = content.decode("utf-8", "replace")
    visible = {name: text for (_, name), text in sorted(texts.items())}
    ours = (text for _, text in sorted(visible.items()) if text.startswith(HEADER))
    return Held(frozenset(modules), tuple(ours))


def _entries(file: IO[bytes]) -> Iterator[Entry]:
    """Files of the plain archives, then of the compressed ones behind them."""
    reader = Reader(file)
    yield from entries(reader, _is_conf)
    beginning = reader.peek(_LONGEST_MAGIC)
    command = next((command for magic, command in _DECOMPRESSORS if beginning.startswith(magic)), None)
    if command is not None:
        os.lseek(file.fileno(), reader.offset, os.SEEK_SET)
        yield from _decompressed(file, command)
    elif beginning or not reader.offset:
        raise NoImage("it is neither an archive nor compressed as the kernel knows it")


def _decompressed(file: IO[bytes], command: tuple[str, ...]) -> Iterator[Entry]:
    """Files of the archives that ``command`` makes of the rest of ``file``, which it reads itself."""
    environment = {"PATH": _PATH, "LC_ALL": "C"}
    with subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, env=environment) as child:
        reader = Reader(cast(IO[bytes], child.stdout))
        yield from entries(reader, _is_conf)
        rest = reader.peek(1)
    if rest or child.returncode:
        raise NoImage(f"{command[0]} does not come to its end")


def _is_conf(name: bytes) -> bool:
    return _CONF.fullmatch(name) is not None
