"""A Debian without a running system, for installing and removing packages in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from deb.build import SUITE
from deb.chroot import chroot
from deb.sandbox import Sandbox

# What dpkg, ldconfig and others keep of their own, whatever is installed.
_OTHERS = ("/proc", "/dev", "/tmp", "/exchange", "/var/lib/dpkg", "/var/cache", "/var/log")


class Machine:
    """The chroot of the suite with the usual neighbours of kmodd: dbus, polkitd, udev, initramfs-tools."""

    def __init__(self, sandbox: Sandbox, exchange: Path) -> None:
        self.sandbox = sandbox
        self.exchange = exchange

    def dpkg(self, *arguments: str) -> str:
        """dpkg(1), which has to succeed; what it said."""
        return self.sandbox.check("dpkg", *arguments)

    def install(self, package: Path) -> str:
        """Install a .deb without asking anybody."""
        copy = self.exchange / package.name
        copy.write_bytes(package.read_bytes())
        return self.dpkg("--install", f"/exchange/{package.name}")

    def run(self, *command: str) -> str:
        """A command that has to succeed; what it said."""
        return self.sandbox.check(*command)

    def write(self, path: str, text: str) -> None:
        """Put a file there, and the directories above it."""
        (self.exchange / "file").write_text(text)
        self.run("install", "-D", "--mode=644", "/exchange/file", path)

    def read(self, path: str) -> str:
        """Text of a file."""
        return self.run("cat", path)

    def exists(self, path: str) -> bool:
        """Whether anything is there."""
        return self.sandbox.run("test", "-e", path).status == 0

    def status(self) -> str:
        """What dpkg has noted of kmodd: wanted, error, state."""
        return self.run("dpkg-query", "--show", "--showformat=${Status}", "kmodd")

    def files(self) -> set[str]:
        """Kind, mode and path of everything that packages leave behind or not."""
        pruned = [word for path in _OTHERS for word in ("-path", path, "-prune", "-o")]
        return set(self.run("find", "/", *pruned, "-printf", "%y %m %p\\n").splitlines())


@contextmanager
def machine() -> Iterator[Machine]:
    """A fresh one, gone at the end."""
    with TemporaryDirectory() as name, Sandbox(chroot(SUITE), Path(name)) as sandbox:
        yield Machine(sandbox, Path(name))
