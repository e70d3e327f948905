"""What a process may do, read back from the kernel (proc_pid_status(5), namespaces(7))."""

import json
from dataclasses import dataclass

from tests.support.guest.calls import GuestCalls

_INIT = 1
_SECCOMP = {"0": "disabled", "1": "strict", "2": "filter"}


@dataclass(frozen=True, slots=True)
class Confinement:
    """A running process: what it has, what it can get, what is its own."""

    effective: frozenset[str]
    bounding: frozenset[str]
    no_new_privileges: bool
    seccomp: str
    umask: str
    namespaces: frozenset[str]
    """Kinds of those that are not the machine's."""

    def lines(self) -> list[str]:
        """For a person."""
        return [
            f"capabilities: {_listed(self.effective)}",
            f"capabilities at most: {_listed(self.bounding)}",
            f"namespaces of its own: {_listed(self.namespaces)}",
            f"no new privileges: {self.no_new_privileges}, system calls: {self.seccomp}, umask: {self.umask}",
        ]


def confinement(guest: GuestCalls, pid: int) -> Confinement:
    """What the kernel holds ``pid`` to."""
    lines = guest.read(f"/proc/{pid}/status").splitlines()
    status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Confinement(
        effective=_capabilities(guest, status["CapEff"]),
        bounding=_capabilities(guest, status["CapBnd"]),
        no_new_privileges=status["NoNewPrivs"] == "1",
        seccomp=_SECCOMP[status["Seccomp"]],
        umask=status["Umask"],
        namespaces=frozenset(_namespaces(guest, pid) - _namespaces(guest, _INIT)),
    )


def _capabilities(guest: GuestCalls, mask: str) -> frozenset[str]:
    """Names for a mask in hexadecimal, as systemd knows them."""
    if int(mask, 16) == 0:
        return frozenset()
    listed = guest.run("systemd-analyze", "--json=short", "capability", "--mask", mask).check().stdout
    return frozenset(row["name"] for row in json.loads(listed))


def _namespaces(guest: GuestCalls, pid: int) -> set[str]:
    """KIND:[INODE] of every namespace that the process is in."""
    links = [f"/proc/{pid}/ns/{name}" for name in guest.names_in(f"/proc/{pid}/ns")]
    return set(guest.run("readlink", *links).check().stdout.split())


def _listed(names: frozenset[str]) -> str:
    return " ".join(sorted(names)) or "none"
