"""A Debian with systemd as PID 1 in the words of the domain, whatever booted it."""

from abc import abstractmethod
from pathlib import Path

from tests.support.debian.journal import Entry, parse
from tests.support.debian.user import User
from tests.support.guest.calls import Completed
from tests.support.guest.machine import CONFIGURATION_DIRECTORY, GuestMachine

KMODD = "kmodd.service"
KMODD_LOAD = "kmodd-load.service"
_REMEMBERED = ("/run/kmodd", "/run/kmodd.d", "/var/lib/kmodd", "/etc/modprobe.d/00-kmodd.conf")


class SystemdMachine(GuestMachine):
    """A booted Debian; ``reboot`` keeps its disk."""

    @abstractmethod
    def reboot(self) -> None:
        """Shut down as a person does, then boot again from the same disk."""

    # ------------------------------------------------------------------------------ systemd

    def systemctl(self, *arguments: str, timeout_s: float = 60.0) -> Completed:
        """Run systemctl."""
        return self.run("systemctl", "--no-pager", *arguments, timeout_s=timeout_s)

    def properties(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of a unit (systemctl show), all where none is named."""
        wanted = [f"--property={name}" for name in names]
        lines = self.systemctl("show", *wanted, "--", unit).check().stdout.splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def failed_units(self) -> list[str]:
        """Names of units that failed."""
        listed = self.systemctl("list-units", "--failed", "--plain", "--no-legend").check().stdout
        return [line.split()[0] for line in listed.splitlines()]

    def journal(self, *matches: str) -> tuple[Entry, ...]:
        """Entries of this boot, in order; ``matches`` as for journalctl(1): options, or FIELD=VALUE."""
        self.run("journalctl", "--sync").check()
        return parse(self.run("journalctl", "--boot", "--output=json", "--all", *matches).check().stdout)

    def log(self) -> str:
        """What kmodd wrote, and systemd about it, in this boot."""
        units = [f"--unit={unit}" for unit in (KMODD, KMODD_LOAD)]
        return self.run("journalctl", "--boot", "--no-pager", "--output=short-monotonic", *units).stdout

    def start_afresh(self) -> None:
        """Nothing is declared, no module is there that came since booting, and kmodd has just started."""
        self.systemctl("stop", KMODD, KMODD_LOAD).check()
        self.run("find", CONFIGURATION_DIRECTORY, "-mindepth", "1", "-delete").check()
        self.run("rm", "--recursive", "--force", "--", *_REMEMBERED).check()
        self.unload()
        self.systemctl("reset-failed").check()
        self.systemctl("start", KMODD).check()

    # ----------------------------------------------------------------------------- packages

    def is_installed(self, package: str) -> bool:
        """Whether dpkg has it installed."""
        asked = self.run("dpkg-query", "--show", "--showformat=${db:Status-Status}", package)
        return asked.stdout == "installed"

    def install(self, package: Path, *options: str) -> Completed:
        """``apt-get install`` a package's file, as a person does who was given one."""
        inside = f"/var/tmp/{package.name}"
        self.write(inside, package.read_bytes())
        return self.apt_get("install", *options, inside)

    def apt_get(self, *arguments: str) -> Completed:
        """Run apt-get, answering yes; AssertionError with its outputs when it fails."""
        environment = {"DEBIAN_FRONTEND": "noninteractive"}
        return self.run("apt-get", "--yes", *arguments, environment=environment, timeout_s=180.0).check()

    # --------------------------------------------------------------------------------- users

    def kmoddctl(self, *arguments: str) -> Completed:
        """Run kmoddctl as root."""
        return self.run("kmoddctl", *arguments)

    def as_user(self, name: str) -> User:
        """A user of the machine, made where there is none yet."""
        if self.run("id", name).status != 0:
            self.run("useradd", name).check()
        return User(self, name)
