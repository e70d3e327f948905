"""Where this machine's own apt gets Debian from, so that no host is named here."""

import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from deb.errors import DebError

_FORMAT = "$(LABEL)|$(COMPONENT)|$(REPO_URI)"


class Mirror(NamedTuple):
    """A whole archive of Debian, and apt's settings for reaching it."""

    uri: str
    options: tuple[str, ...] = ()


def mirror() -> Mirror:
    """What apt.conf(5) and sources.list(5) of this machine say. Raises DebError."""
    listed = _run("apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages")
    uri = next(_archives(listed), None)
    if uri is None:
        raise DebError("apt knows no archive of Debian: run apt-get update, or mend /etc/apt/sources.list")
    settings = _run("apt-config", "dump", "Acquire::http", "Acquire::https").splitlines()
    return Mirror(uri, tuple(line for line in settings if not line.endswith('"";')))


def _archives(listed: str) -> Iterator[str]:
    """Those of the rows that are Debian's own; security and backports are labelled otherwise."""
    for row in listed.splitlines():
        label, component, uri = row.split("|")
        if (label, component) == ("Debian", "main"):
            yield uri


def _run(*command: str) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise DebError(f"{command[0]} does not tell where Debian is to be had: {error}") from error
