"""A clean chroot of a suite, as a tar file: what builds and checks the package, or something else."""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from deb.cache import cached
from deb.errors import DebError
from deb.mirror import mirror
from deb.tree import DEBIAN, REPOSITORY

CHROOTS = REPOSITORY / ".cache/chroot"
_KEEP = 2
_BESIDE = ("lintian", "dbus", "initramfs-tools", "polkitd")
"""What checks the package, and what it meets on a machine."""

_MEMORY, _DISK = "/dev/shm", "/var/tmp"  # noqa: S108  where to make directories, no names of files
_UNPACKED_BYTES = 2 << 30
_DPKG_SETTINGS = "/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
_FASTER = (
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    # Not for what is installed later: the package is to be seen whole.
    f'--customize-hook=rm "$1"{_DPKG_SETTINGS}',
)


def chroot(suite: str) -> Path:
    """The tar file for the package, made where there is none. Raises DebError."""
    return chroot_with({*build_dependencies(), *_BESIDE}, suite, CHROOTS)


def chroot_with(packages: Iterable[str], suite: str, directory: Path, *, variant: str = "buildd") -> Path:
    """The same, kept in ``directory``, of mmdebstrap's ``variant`` and these packages."""
    recipe = (f"--variant={variant}", f"--include={','.join(sorted(packages))}", *_FASTER)
    key = hashlib.sha256(repr((suite, recipe)).encode()).hexdigest()[:16]
    return cached(directory, f"{suite}-{key}.tar", lambda path: _make(path, suite, recipe), keep=_KEEP)


def build_dependencies(control: Path = REPOSITORY / DEBIAN / "control") -> list[str]:
    """Names in Build-Depends (deb-src-control(5)), without versions and restrictions."""
    return list(_names(re.search(r"^Build-Depends:(.*\n(?: .*\n)*)", control.read_text(), re.MULTILINE)))


def _names(field: re.Match[str] | None) -> Iterator[str]:
    for entry in field[1].split(",") if field else ():
        yield entry.split()[0]


def _make(path: Path, suite: str, recipe: tuple[str, ...]) -> None:
    source = mirror()
    options = [f"--aptopt={line.rstrip(';')}" for line in source.options]
    command = ["mmdebstrap", "--quiet", "--format=tar", *recipe, *options, suite, str(path), source.uri]
    environment = {**os.environ, "TMPDIR": _scratch()}
    answer = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if answer.returncode != 0:
        raise DebError(f"mmdebstrap made no chroot of {suite} from {source.uri}:\n{answer.stdout}")


def _scratch() -> str:
    """Where mmdebstrap unpacks: in memory, which halves its time, if all of it can be there.

    For who is not root, mmdebstrap mounts in a user namespace, and below /dev/shm the kernel refuses that.
    """
    found = os.statvfs(_MEMORY)
    has_room = found.f_bavail * found.f_frsize > _UNPACKED_BYTES
    is_usable = os.geteuid() == 0 and not found.f_flag & (os.ST_NODEV | os.ST_NOEXEC)
    return _MEMORY if has_room and is_usable else _DISK
