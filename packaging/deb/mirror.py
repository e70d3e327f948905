"""Where this machine's own apt gets Debian from, so that no host is named here."""

import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from deb.errors import DebError

_FORMAT = "$(ORIGIN)|$(COMPONENT)|$(REPO_URI)|$(RELEASE)"
_SUITES_BESIDE = ("-updates", "-security", "-backports", "-proposed-updates")


class Mirror(NamedTuple):
    """A whole archive of Debian, and apt's settings for reaching it."""

    uri: str
    options: tuple[str, ...] = ()


def mirror() -> Mirror:
    """What apt.conf(5) and sources.list(5) of this machine say. Raises DebError."""
    listed = _run("apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages")
    uris = list(_archives(listed))
    if not uris:
        raise DebError("apt knows no archive of Debian: run apt-get update, or mend /etc/apt/sources.list")
    settings = _run("apt-config", "dump", "Acquire::http", "Acquire::https").splitlines()
    return Mirror(uris[0], tuple(line for line in settings if not line.endswith('"";')))


def _archives(listed: str) -> Iterator[str]:
    """Those of the rows that have the whole of a suite: not its updates, not somebody else's packages."""
    for row in listed.splitlines():
        origin, component, uri, release = row.split("|")
        if origin == "Debian" and component == "main" and not release.endswith(_SUITES_BESIDE):
            yield uri


def _run(*command: str) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise DebError(f"{command[0]} does not tell where Debian is to be had: {error}") from error
