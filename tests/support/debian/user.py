"""Somebody who is not root."""

from dataclasses import dataclass

from tests.support.guest.calls import Completed, GuestCalls


@dataclass(frozen=True, slots=True)
class User:
    """A user of ``machine``, without a session and with no privilege."""

    machine: GuestCalls
    name: str

    def command(self, *argv: str) -> tuple[str, ...]:
        """What root runs to have a command run as this user."""
        become = ("setpriv", f"--reuid={self.name}", f"--regid={self.name}", "--init-groups", "--")
        return (*become, *argv)

    def run(self, *argv: str) -> Completed:
        """Run a command as this user."""
        return self.machine.run(*self.command(*argv))

    def busctl(self, *arguments: str) -> Completed:
        """Run busctl on the system bus."""
        return self.run("busctl", "--no-pager", *arguments)

    def kmoddctl(self, *arguments: str) -> Completed:
        """Run kmoddctl."""
        return self.run("kmoddctl", *arguments)
