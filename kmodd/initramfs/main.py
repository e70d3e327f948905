"""initramfs-record: called when a generator has put an image in its place (packaging/initramfs)."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kmodd.initramfs.archive import NoImage
from kmodd.initramfs.image import read_image
from kmodd.initramfs.record import Record, place, stamp_of, write

DIRECTORY: Final = Path("/var/lib/kmodd/initramfs")
_USAGE: Final = "usage: initramfs-record KERNEL-RELEASE IMAGE"


def main(arguments: Sequence[str] | None = None, directory: Path = DIRECTORY) -> int:
    """Record what the image of a kernel holds; 0, or 1 with a sentence on stderr."""
    given = sys.argv[1:] if arguments is None else arguments
    where = place(directory, given[0]) if len(given) == 2 and given[1].startswith("/") else None
    if where is None:
        return _failed(_USAGE)
    release, image = given
    try:
        with open(image, "rb") as file:
            stamp = stamp_of(os.fstat(file.fileno()))
            held = read_image(file, release)
        write(where, Record(image, stamp, held))
    except NoImage as error:
        return _failed(f"what {image} holds cannot be told: {error}")
    except OSError as error:
        return _failed(f"{error.filename or image}: {error.strerror}")
    return 0


def _failed(sentence: str) -> int:
    print(f"W: kmodd: {sentence}", file=sys.stderr)
    return 1
