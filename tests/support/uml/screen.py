"""A terminal in the guest with a command on it: what that shows, and keys that are pressed."""

import re
from collections.abc import Mapping

from tests.support.uml.machine import KMODD, Machine

_INSIDE = "/dev/tty1"
_PATIENCE_S = 30.0
_CHUNK = 4096
_END = "\x04\x04end\x04\x04"
PATH = f"{KMODD.rpartition('/')[0]}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INTERRUPT = "\x03"


class Screen:
    """One command at the guest's second console, from its start to its end."""

    def __init__(
        self, vm: Machine, *argv: str, columns: int = 100, environment: Mapping[str, str] | None = None
    ) -> None:
        self._vm = vm
        self._shown = ""
        vm.terminal.settimeout(_PATIENCE_S)
        variables = {"TERM": "dumb", "PATH": PATH, "COLUMNS": str(columns), **(environment or {})}
        # What follows the command tells that nothing of it is still on its way, also after an interrupt.
        shell = ("/bin/sh", "-c", f'trap : INT; "$@"; status=$?; printf "{_octal(_END)}"; exit $status', "sh")
        self._pid = vm.spawn_on_terminal(*shell, *argv, terminal=_INSIDE, environment=variables)

    def wait_for(self, pattern: str) -> str:
        """Everything so far, as soon as ``pattern`` (regular expression) is in it."""
        while not re.search(pattern, self._shown):
            data = self._vm.terminal.recv(_CHUNK)
            if not data:
                raise AssertionError(f"the terminal has gone; so far it showed:\n{self._shown}")
            self._shown += data.decode(errors="replace").replace("\r\n", "\n")
        return self._shown

    def press(self, keys: str) -> None:
        """Type, as a person at the keyboard does."""
        self._vm.terminal.sendall(keys.encode())

    def finish(self) -> tuple[int, str]:
        """Exit status, and everything that was shown."""
        shown = self.wait_for(re.escape(_END)).removesuffix(_END)
        return self._vm.wait(self._pid), shown


def _octal(text: str) -> str:
    return "".join(f"\\{ord(letter):03o}" for letter in text)
