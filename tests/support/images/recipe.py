"""The disk of a Debian machine, made in stages that are cached each on its own; one for both system tiers.

A tree (mmdebstrap) is copied, prepared and made a disk (mke2fs), with or without kmodd in it. Nothing is
mounted on this machine, and nothing is left behind but the directories in .cache/images.
"""

import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deb.cache import cached
from deb.mirror import mirror

from tests.support.images import preparation, quick_boot
from tests.support.images.modules import built_modules, put_modules
from tests.support.images.uml_kernel import copy_uml_kernel

SUITE = os.environ.get("KMODD_TEST_SUITE", "trixie")
"""Debian's suite: "trixie", and by hand "bookworm" or "sid"."""

IMAGES = Path(__file__).resolve().parents[3] / ".cache/images"
_HERE = Path(__file__).parent
_PACKAGES = _HERE / "packages.txt"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_DISK_SIZE = "3G"  # sparse
_MOST_LINES = 30  # of what a command said, in an error
_BOOTSTRAP = ("mmdebstrap", "--mode=root", "--variant=apt", "--format=directory")
_INSTALL = ("dpkg", "--install", "/kmodd.deb")
NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


class ImageNotBuilt(Exception):
    """An image cannot be made here; the message has what was run and what it said."""


@dataclass(frozen=True, slots=True)
class Image:
    """A disk and what boots it."""

    directory: Path

    @property
    def disk(self) -> Path:
        """An ext4 filesystem without partitions; whoever boots it writes to a copy."""
        return self.directory / "disk.img"

    @property
    def uml_kernel(self) -> Path:
        """Directory with ``linux``, a User Mode Linux that runs on this machine (see uml_kernel.py)."""
        return self.directory / "uml"

    @property
    def vmlinuz(self) -> Path:
        """The kernel of linux-image."""
        return self.directory / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """What brings it to the disk (quick_boot.py); Debian's own lies on the disk."""
        return self.directory / "initrd.img"


@dataclass(frozen=True, slots=True)
class Company:
    """Debian packages beside those of packages.txt; ``kind`` is part of the names of what has them."""

    kind: str
    packages: tuple[str, ...]


NOBODY = Company("", ())


def base(suite: str = SUITE) -> Image:
    """A Debian on which kmodd can be installed, with the modules of tests/modules."""
    return _image(f"{suite}-base", suite)


def installed(package: Path, suite: str = SUITE, company: Company = NOBODY) -> Image:
    """The same with this package of kmodd installed, never booted since."""
    return _image(f"{suite}-kmodd{company.kind}", suite, package, company)


def packages() -> list[str]:
    """First words of packages.txt."""
    lines = _PACKAGES.read_text().splitlines()
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


def unpacked(suite: str = SUITE, company: Company = NOBODY) -> Path:
    """The files of the suite with its packages, as mmdebstrap leaves them."""
    command = [*_BOOTSTRAP, f"--include={','.join((*packages(), *company.packages))}", suite]
    inputs = (word.encode() for word in (*command, platform.machine()))
    return _built(f"{suite}-tree{company.kind}", inputs, lambda tree: _bootstrap(command, tree))


def _bootstrap(command: Sequence[str], tree: Path) -> None:
    archive = mirror()
    options = [f"--aptopt={line.rstrip(';')}" for line in archive.options]
    _run([*command, str(tree), f"deb [signed-by={_KEYRING}] {archive.uri} {command[-1]} main", *options])


def _image(kind: str, suite: str, package: Path | None = None, company: Company = NOBODY) -> Image:
    """From the cache or made."""
    tree = unpacked(suite, company)
    modules = built_modules(tree, suite)
    sources = (path.read_bytes() for path in sorted(_HERE.glob("*.py")))
    content = (package.read_bytes(),) if package else ()
    inputs = (tree.name.encode(), modules.name.encode(), *sources, *preparation.inputs(), *content)
    return Image(_built(kind, inputs, lambda directory: _make(tree, modules, directory, package)))


def _make(tree: Path, modules: Path, directory: Path, package: Path | None) -> None:
    """Fill the directory of an Image."""
    directory.mkdir()
    copy = directory / "tree"
    _run(["cp", "--archive", "--reflink=auto", str(tree), str(copy)])
    preparation.prepare(copy)
    release = put_modules(modules, copy)
    inside = (*NAMESPACES, f"--root={copy}")
    _run([*inside, "depmod", release])
    _run([*inside, "python3", "-m", "compileall", "-q", f"/{preparation.AGENT_ROOT}"])
    if package is not None:
        _install(copy, package)
    copy_uml_kernel(copy, directory / "uml")
    shutil.copyfile(copy / (copy / "vmlinuz").readlink(), directory / "vmlinuz")
    loads = _run([*inside, *quick_boot.question(release)])
    (directory / "initrd.img").write_bytes(quick_boot.initramfs(copy, loads))
    _run(["mke2fs", "-q", "-t", "ext4", "-d", str(copy), str(directory / "disk.img"), _DISK_SIZE])
    shutil.rmtree(copy)


def _install(tree: Path, package: Path) -> None:
    """As root of that tree, in namespaces of its own, so that no mount and no process stays behind."""
    inside = tree / "kmodd.deb"
    shutil.copyfile(package, inside)
    _run([*NAMESPACES, f"--root={tree}", *_INSTALL])
    inside.unlink()


def _built(kind: str, inputs: Iterable[bytes], make: Callable[[Path], None]) -> Path:
    """A directory named by a hash of its inputs, in which ``make`` puts it; the newest of its kind stays."""
    hashed = hashlib.sha256(repr(list(inputs)).encode())
    return cached(IMAGES / kind, hashed.hexdigest()[:16], make, keep=1)


def _run(command: Sequence[str]) -> str:
    """Run to its end; what it printed. Raises ImageNotBuilt."""
    if os.geteuid() != 0:
        raise ImageNotBuilt("the disk of a Debian machine is made by root; run these tests once as root")
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    except FileNotFoundError as error:
        raise ImageNotBuilt(f"{error.filename} is missing; run: make setup") from error
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-_MOST_LINES:])
        raise ImageNotBuilt(f"{' '.join(command)}: status {done.returncode}\n{said}")
    return done.stdout
