"""Reading a module's file once, before it is needed: then its bytes are in the page cache, its digest known.

Imported by the loader: nothing heavy in here.
"""

from __future__ import annotations

import os

from kmodd.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_READ_SIZE: Final = 2**17


def read_into_cache(path: str) -> str:
    """Read all of a file, so that its bytes are in the page cache; their digest. Raises OSError.

    Through one buffer, again and again: posix_fadvise(2) and readahead(2) may return before the disk has
    answered, so they would measure nothing, and a mapping or one large read would hold the file twice.
    """
    buffer = bytearray(_READ_SIZE)
    content, digest = memoryview(buffer), Digest()
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        while size := os.readv(fd, (buffer,)):
            digest.update(content[:size])
    finally:
        os.close(fd)
    return digest.text()
