"""The guest's root: the machine's own root seen through hostfs, never written, under an overlay in memory."""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
from pathlib import Path

from tests.support.agent import baseline

UML_MODULES = Path("/usr/lib/uml/modules")

# mount(2)
MS_RDONLY = 1
MS_NOSUID = 2
MS_MOVE = 8192

# netdevice(7)
SIOCSIFFLAGS = 0x8914
IFF_UP = 1

_STAGE = Path("/tmp")  # on the hostfs side only a place to mount on
_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    """mount(2); raises OSError with the target's name."""
    arguments = (source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())
    if _libc.mount(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {kind}: {os.strerror(number)}", target)


def build() -> None:
    """Turn a kernel with nothing but a read-only hostfs root into a small machine that can be written to."""
    mount("tmpfs", str(_STAGE), "tmpfs")
    mount("proc", "/proc", "proc")
    _insert_overlay()
    _switch_to_overlay()
    _mount_kernel_filesystems()
    _mount_module_tree()
    baseline.clear_configuration()
    _name_and_network()


def _insert_overlay() -> None:
    """The overlay filesystem is a module itself; give modprobe the tree where it expects one."""
    tree = _STAGE / "lib/modules"
    tree.mkdir(parents=True)
    (tree / os.uname().release).symlink_to(UML_MODULES / os.uname().release)
    subprocess.run(["/sbin/modprobe", "--dirname", str(_STAGE), "overlay"], check=True)


def _switch_to_overlay() -> None:
    """As switch_root(8): the overlay becomes /, the hostfs stays below it, read-only."""
    for name in ("upper", "work", "root"):
        (_STAGE / name).mkdir()
    options = f"lowerdir=/,upperdir={_STAGE}/upper,workdir={_STAGE}/work"
    mount("overlay", f"{_STAGE}/root", "overlay", 0, options)
    os.chdir(_STAGE / "root")
    mount(".", "/", "", MS_MOVE)
    os.chroot(".")
    os.chdir("/")


def _mount_kernel_filesystems() -> None:
    mount("proc", "/proc", "proc")
    mount("sysfs", "/sys", "sysfs")
    mount("devtmpfs", "/dev", "devtmpfs")
    for directory in ("/dev/pts", "/dev/shm"):
        Path(directory).mkdir(exist_ok=True)
    mount("devpts", "/dev/pts", "devpts", 0, "mode=620,ptmxmode=666")
    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID)
    mount("tmpfs", "/run", "tmpfs", MS_NOSUID, "mode=755")
    mount("cgroup2", "/sys/fs/cgroup", "cgroup2")


def _mount_module_tree() -> None:
    """/lib/modules holds the modules of this kernel and of no other."""
    tree = Path("/lib/modules")
    tree.mkdir(exist_ok=True)
    mount("tmpfs", str(tree), "tmpfs", 0, "mode=755")
    (tree / os.uname().release).symlink_to(UML_MODULES / os.uname().release)


def _name_and_network() -> None:
    socket.sethostname("uml")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
