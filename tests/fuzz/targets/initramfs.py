"""Images as generators write them, and what is recorded of them."""

import io

from kmodd.core.initramfs import compare
from kmodd.core.modprobe_conf import HEADER
from kmodd.initramfs import record as record_file
from kmodd.initramfs.archive import NoImage
from kmodd.initramfs.image import read_image
from kmodd.names import is_module_name
from tests.fuzz import promises

_RELEASE = "6.12.0-test"
_RECORD = promises.scratch() / _RELEASE


def image(data: bytes) -> None:
    """One sentence, or names of modules and texts of ours. What is compressed is not taken apart here."""
    try:
        held = read_image(io.BytesIO(data), _RELEASE)
    except NoImage as refused:
        promises.is_shown(str(refused))
        return
    except io.UnsupportedOperation:
        return
    assert all(map(is_module_name, held.modules))
    assert all(text.startswith(HEADER) for text in held.texts)
    for issue in compare(held, (f"{HEADER}\noptions loop x=1\n",)).issues:
        promises.is_shown(issue.message)


def record(data: bytes) -> None:
    """None, or a record that is written and read again as the same."""
    _RECORD.write_bytes(data)
    found = record_file.read(_RECORD)
    if found is None:
        return
    for issue in compare(found.held, ()).issues:
        promises.is_shown(issue.message)
    record_file.write(_RECORD, found)
    assert record_file.read(_RECORD) == found
