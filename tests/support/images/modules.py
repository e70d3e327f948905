"""The modules of tests/modules, built for a Debian's kernel in a clean chroot that has its headers."""

import hashlib
import lzma
import shutil
import tempfile
from pathlib import Path
from typing import Final

from deb.cache import cached
from deb.chroot import chroot_with
from deb.errors import DebError
from deb.sandbox import Sandbox

from tests.support.images.spoilt_modules import spoil

_REPOSITORY: Final = Path(__file__).resolve().parents[3]
_SOURCES: Final = _REPOSITORY / "tests/modules"
_BUILT: Final = _REPOSITORY / ".cache/modules"
_CHROOTS: Final = _REPOSITORY / ".cache/modules-chroot"
_SIGNED: Final = "kernel/drivers/net/dummy.ko"
_EXTRA: Final = "extra"


class ModulesNotBuilt(Exception):
    """The test modules cannot be built here; the message has what to do."""


def kernel_release(tree: Path) -> str:
    """Of the kernel of linux-image, as uname(1) will say it."""
    return (tree / "vmlinuz").readlink().name.removeprefix("vmlinuz-")


def built_modules(tree: Path, suite: str) -> Path:
    """A directory of .ko files, unsigned, for the kernel of ``tree``. Raises ModulesNotBuilt."""
    release = kernel_release(tree)
    chroot = _chroot(release, suite)
    sources = sorted((_SOURCES / "Kbuild", *_SOURCES.glob("*.[ch]")))
    state = hashlib.sha256(chroot.name.encode())
    for path in (*sources, *sorted(Path(__file__).parent.glob("*modules.py"))):
        state.update(f"\0{path.name}\0".encode() + path.read_bytes())
    key = f"{release}-{state.hexdigest()[:16]}"
    return cached(_BUILT, key, lambda made: _build(sources, chroot, tree, made), keep=2)


def put_modules(modules: Path, tree: Path) -> str:
    """Copy them beside the kernel's own; the release that depmod(8) is to be run for then."""
    release = kernel_release(tree)
    shutil.copytree(modules, _modules_of(tree, release) / _EXTRA)
    return release


def _chroot(release: str, suite: str) -> Path:
    try:
        return chroot_with(("make", f"linux-headers-{release}"), suite, _CHROOTS, variant="apt")
    except DebError as error:
        raise ModulesNotBuilt(
            f"the headers of {release} cannot be had; if the archive has a newer kernel by now, "
            f"remove .cache/images and run this again:\n{error}"
        ) from error


def _build(sources: list[Path], chroot: Path, tree: Path, made: Path) -> None:
    """Fill the directory ``made``."""
    release = kernel_release(tree)
    with tempfile.TemporaryDirectory(prefix="kmodd-modules-") as exchange:
        for path in sources:
            shutil.copyfile(path, Path(exchange) / path.name)
        with Sandbox(chroot, Path(exchange)) as sandbox:
            # The symbol that nobody has is an error otherwise.
            variables = ("M=/exchange", "KBUILD_MODPOST_WARN=1")
            sandbox.check("make", f"--directory=/usr/src/linux-headers-{release}", *variables, "modules")
            results = sorted(path.name for path in Path(exchange).glob("*.ko"))
            # Debugging information is twenty times the size of the rest.
            sandbox.check("strip", "--strip-debug", *results, directory="/exchange")
        made.mkdir()
        for name in results:
            shutil.copyfile(Path(exchange) / name, made / name)
    spoil(made, _signed(_modules_of(tree, release) / _SIGNED))


def _signed(path: Path) -> bytes:
    """A module of Debian's own, which 13 compresses and 12 does not."""
    return path.read_bytes() if path.exists() else lzma.decompress(path.with_suffix(".ko.xz").read_bytes())


def _modules_of(tree: Path, release: str) -> Path:
    return tree / "usr/lib/modules" / release
