"""Files of the guest, as the agent offers them."""

import os
import re
import shutil
from pathlib import Path

from tests.support.agent import wire


def read_file(path: str) -> str:
    """Whole content, in the wire's text form."""
    return wire.to_text(Path(path).read_bytes())


def write_file(path: str, content: str, mode: int, atomic: bool) -> None:
    """Write ``content`` (wire text); atomic means a temporary file in the same directory, renamed over.

    Directories above are made. Not atomic is also for what cannot be replaced: files of proc and sysfs.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    written = target.with_name(f".{target.name}.new") if atomic else target
    with open(written, "wb", buffering=0) as stream:
        if atomic:
            os.fchmod(stream.fileno(), mode)
        stream.write(wire.to_bytes(content))
    if atomic:
        written.rename(target)


def remove(path: str) -> None:
    """Remove a file, a link or a whole directory; it must exist."""
    target = Path(path)
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink()


def make_link(path: str, target: str) -> None:
    """A symbolic link at ``path``, replacing what is there in one step."""
    fresh = Path(f"{path}.new")
    fresh.symlink_to(target)
    fresh.rename(path)


def list_directory(path: str) -> list[str]:
    """Names in a directory, sorted; [] where there is none."""
    return sorted(os.listdir(path)) if os.path.isdir(path) else []


def empty(directory: Path) -> None:
    """Remove everything in ``directory``, which stays."""
    for entry in directory.iterdir():
        remove(str(entry))


def matches(path: str, pattern: str) -> bool:
    """Whether the file exists and ``pattern`` (multi-line regular expression) is found in it."""
    try:
        content = read_file(path)
    except OSError:
        return False
    return re.search(pattern, content, re.MULTILINE) is not None
