"""A modprobe.d directory with the generated file in it, on a simulated kernel."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from kmodd.core.draft import Evidence
from kmodd.core.modprobe_conf import HEADER
from kmodd.core.resolve import DesiredState
from kmodd.daemon.modprobe_file import ModprobeFile
from kmodd.model import Declaration, Desired, Parameter
from kmodd.names import ModuleName
from tests.support.kernel_parameters import KernelParameter
from tests.support.planning import planned
from tests.support.simulated import SimulatedLoader
from tests.support.simulated_kernel import SimulatedKernel, module

CARD, DRIVER = ModuleName("card"), ModuleName("driver")
DENY = Declaration(DRIVER, Desired.DENIED)
DENIAL = ["blacklist driver", "install driver /bin/false", "softdep driver pre:"]


class Place:
    """A modprobe.d directory, and what keeps a file in it."""

    def __init__(self, root: Path) -> None:
        self.kernel = SimulatedKernel([module("card", text=KernelParameter("charp")), module("driver")])
        self.loader = SimulatedLoader(self.kernel)
        self.note = root / "state" / "modprobe-file"
        self.path = root / "modprobe.d" / "00-kmodd.conf"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self) -> None:
        """As after a restart: nothing is remembered but what is on the disk."""
        self.file = ModprobeFile(self.loader, self.note, self._in_thread)

    async def _in_thread(self, work: Callable[..., bool], *arguments: object) -> bool:
        return work(*arguments)

    def desired(self, *declarations: Declaration) -> DesiredState:
        return planned(self.kernel, declarations).desired

    def apply(
        self,
        *declarations: Declaration,
        look: bool = True,
        changed: bool = False,
        enforce: bool = True,
    ) -> Evidence:
        self.loader.modprobe_file = str(self.path)
        desired = self.desired(*declarations)
        return self.apply_as_it_is(desired, look=look, changed=changed, enforce=enforce)

    def apply_as_it_is(
        self, desired: DesiredState, *, look: bool = False, changed: bool = False, enforce: bool = True
    ) -> Evidence:
        return asyncio.run(
            self.file.apply(desired, str(self.path), look=look, changed=changed, enforce=enforce)
        )

    def lines(self) -> list[str]:
        """Lines after the header, which has to be there."""
        header, *lines = self.path.read_text().splitlines()
        assert header == HEADER
        return lines


def identity(path: Path) -> tuple[int, int, int, int]:
    """Changes when it is replaced or written."""
    found = path.lstat()
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns


def with_text(value: str) -> Declaration:
    return Declaration(CARD, parameters=(Parameter("text", value),))
