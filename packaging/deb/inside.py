"""The inner end of deb.sandbox: process 1 of the namespaces, which ends with its standard input.

Arguments: the tar file, what is to be seen as /exchange, an empty directory. Reads and answers lines of JSON;
the first answer, without a question, says that all is in place.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/nonexistent",
    "DEBIAN_FRONTEND": "noninteractive",
}


def main(tarball: str, exchange: str, mount_point: str) -> None:
    """Unpack, then run what is asked."""
    root = Path(mount_point)
    prepare(root, tarball, exchange)
    answer(0, "")
    for line in sys.stdin:
        command, directory, environment = json.loads(line)
        answer(*run(root, command, directory, environment))


def answer(status: int, output: str) -> None:
    """Say what came of it."""
    print(json.dumps([status, output]), flush=True)


def prepare(root: Path, tarball: str, exchange: str) -> None:
    """The chroot with its file systems; devices are the machine's, which nobody but root could make."""
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(root))
    unpack = ("tar", "--extract", "--preserve-permissions", "--numeric-owner", "--exclude=./dev/*")
    call(*unpack, "--file", tarball, "--directory", str(root))
    mount("-t", "proc", "proc", str(root / "proc"))
    for name in _DEVICES:
        device = root / "dev" / name
        device.touch()
        mount("--bind", f"/dev/{name}", str(device))
    (root / "exchange").mkdir()
    mount("--bind", exchange, str(root / "exchange"))


def mount(*arguments: str) -> None:
    """mount(8)."""
    call("mount", *arguments)


def call(*command: str) -> None:
    """Run it; its complaints go to the terminal, and a failure ends the sandbox."""
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)


def run(root: Path, command: list[str], directory: str, environment: dict[str, str]) -> tuple[int, str]:
    """Status and output of a command in the chroot."""
    answer = subprocess.run(
        ["chroot", str(root), "env", f"--chdir={directory}", *command],
        env={**_ENVIRONMENT, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return answer.returncode, answer.stdout.decode(errors="replace")


if __name__ == "__main__":
    os.umask(0o022)
    main(*sys.argv[1:])
