"""What is done to a Debian's tree before it becomes a disk: the agent in, what only costs time out."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support import agent

_UNIT = Path(__file__).with_name("kmodd-test-agent@.service")
_AGENT = Path(agent.__file__).parent
AGENT_ROOT = Path("usr/lib/kmodd-test-agent")
_MACHINE_ID = "6b6d6f64642d746573742d6d61636869"
_MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "modprobe@configfs.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "modprobe@fuse.service",
    "proc-sys-fs-binfmt_misc.automount",
    "run-lock.mount",
    "serial-getty@.service",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "systemd-binfmt.service",
    "systemd-network-generator.service",
    "systemd-random-seed.service",
    "systemd-tmpfiles-clean.timer",
    "systemd-udev-load-credentials.service",
    "systemd-user-sessions.service",
)


def inputs() -> tuple[bytes, ...]:
    """Content of every file that goes onto the disk."""
    return _UNIT.read_bytes(), *(path.name.encode() + path.read_bytes() for path in _agent_files())


def prepare(tree: Path) -> None:
    """Turn what mmdebstrap left into a machine as it is after its first boot."""
    _put_agent(tree)
    (tree / "etc/machine-id").write_text(f"{_MACHINE_ID}\n")  # else everything is preset at the first boot
    (tree / "etc/hostname").write_text("debian\n")
    (tree / "etc/hosts").write_text("127.0.0.1 localhost debian\n")
    for kernel in (tree / "usr/lib/uml/modules").iterdir():
        (tree / "usr/lib/modules" / kernel.name).symlink_to(Path("../uml/modules") / kernel.name)
    systemctl = ["systemctl", f"--root={tree}", "--quiet"]
    # Debian's default is dbus-daemon; a machine that has dbus-broker too would use that.
    subprocess.run([*systemctl, "disable", "dbus-broker.service"], check=True)
    subprocess.run([*systemctl, "mask", *_MASKED], check=True)
    for directory in ("etc", "var"):  # systemd-update-done.service(8): nothing to be updated at boot
        (tree / directory / ".updated").touch()


def _put_agent(tree: Path) -> None:
    """The package under its own name, and its unit."""
    package = tree / AGENT_ROOT / "tests/support/agent"
    package.mkdir(parents=True)
    for path in _agent_files():
        shutil.copyfile(path, package / path.name)
    shutil.copyfile(_UNIT, tree / "etc/systemd/system" / _UNIT.name)


def _agent_files() -> Iterator[Path]:
    return iter(sorted(_AGENT.glob("*.py")))
