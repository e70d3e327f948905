"""A copy of a Debian's tree with kmodd's files in it, whose programs are run without a machine."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.images.modules import kernel_release
from tests.support.images.recipe import NAMESPACES, unpacked

_REPOSITORY: Final = Path(__file__).resolve().parents[3]
_PYTHON: Final = Path("usr/lib/python3/dist-packages")


class Root:
    """The directory; ``run`` leaves no mount and no process behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def release(self) -> str:
        """Of the kernel of linux-image."""
        return kernel_release(self.path)

    def run(self, *command: str) -> str:
        """What a command says, its warnings too; raises CalledProcessError if it fails."""
        whole = (*NAMESPACES, f"--root={self.path}", *command)
        environment = {"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            whole,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            check=True,
        ).stdout

    def write(self, path: str, text: str) -> Path:
        """A file in there, at an absolute path."""
        file = self.path / path.removeprefix("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


@contextmanager
def root(scratch: Path) -> Iterator[Root]:
    """A copy in ``scratch``, which is removed afterwards: half a gigabyte."""
    path = scratch / "root"
    try:
        subprocess.run(["cp", "--archive", "--reflink=auto", unpacked(), path], check=True)
        subprocess.run(
            ["make", "install", f"DESTDIR={path}"], cwd=_REPOSITORY, check=True, capture_output=True
        )
        shutil.copytree(_REPOSITORY / "kmodd", path / _PYTHON / "kmodd", ignore=_compiled)
        yield Root(path)
    finally:
        shutil.rmtree(path)


def _compiled(_directory: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__"]
