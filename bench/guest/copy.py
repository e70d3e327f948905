"""A copy of what a pass reads, for the machine itself (bench/copied.py)."""

import base64
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from bench.guest.modules import CONFIGURATION
from bench.measurements.no_op_pass import declare

_PROC = ("/proc/modules", "/proc/cmdline", "/proc/sys/kernel/osrelease")


def pack() -> str:
    """Configuration, /proc and /sys/module of a guest with many modules, as a tar archive in base64."""
    declare()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in _paths():
            _add(archive, path)
    return base64.b64encode(packed.getvalue()).decode("ascii")


def _paths() -> Iterator[Path]:
    yield from map(Path, _PROC)
    yield from CONFIGURATION.glob("*.toml")
    for module in Path("/sys/module").iterdir():
        yield module
        yield from module.glob("parameters/*")


def _add(archive: tarfile.TarFile, path: Path) -> None:
    """Add a directory, or a file by its content: what stat(2) says of files of proc and sysfs is no size."""
    entry = tarfile.TarInfo(str(path.relative_to("/")))
    if path.is_dir():
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(entry)
        return
    try:
        content = path.read_bytes()
    except OSError:  # a parameter that nobody may read
        return
    entry.size, entry.mode = len(content), 0o644
    archive.addfile(entry, io.BytesIO(content))
