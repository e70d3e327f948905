"""Images as generators write them, in small: archives of the cpio format "newc"."""

import stat
import subprocess
from collections.abc import Mapping

from kmodd.core.modprobe_conf import HEADER

RELEASE = "6.12.0-test"
FILE, DIRECTORY, LINK = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755, stat.S_IFLNK | 0o777


def generated(*lines: str) -> str:
    """A file as kmodd generates it."""
    return "\n".join((HEADER, *lines, ""))


def entry(name: bytes, content: bytes = b"", mode: int = FILE, *, size: int | None = None) -> bytes:
    """One entry; ``size`` is what its header says, if that is to be wrong."""
    numbers = (1, mode, 0, 0, 1, 0, len(content) if size is None else size, 0, 0, 0, 0, len(name) + 1, 0)
    header = b"070701" + b"".join(b"%08X" % number for number in numbers)
    return _filled(header + name + b"\0") + _filled(content)


def archive(*entries: bytes, block: int = 512) -> bytes:
    """A whole archive, filled up to blocks."""
    content = b"".join(entries) + entry(b"TRAILER!!!", mode=0)
    return content + bytes(-len(content) % block)


def archive_of(files: Mapping[str, str]) -> bytes:
    """An archive of regular files."""
    return archive(*(entry(name.encode(), content.encode()) for name, content in files.items()))


def module_file(name: str, release: str = RELEASE) -> str:
    """Where a module lies in an image."""
    return f"usr/lib/modules/{release}/kernel/drivers/{name}"


def compressed(content: bytes, *command: str) -> bytes:
    """What a compressor makes of it."""
    return subprocess.run(command, input=content, stdout=subprocess.PIPE, check=True).stdout


def _filled(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)
