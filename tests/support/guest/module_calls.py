"""The kernel's own answers to loading and unloading modules of tests/modules, in a guest."""

import json
from pathlib import Path
from typing import Final

from tests.support.guest import module_program
from tests.support.guest.calls import Completed, Pending
from tests.support.guest.machine import GuestMachine

SUCCESS: Final = ""
_PROGRAM: Final = Path(module_program.__file__).read_text()


class KernelCalls:
    """finit_module(2) and delete_module(2); each answer is the name of an errno, or SUCCESS."""

    def __init__(self, machine: GuestMachine) -> None:
        self._machine = machine
        self._directory = f"/lib/modules/{machine.read('/proc/sys/kernel/osrelease').strip()}/extra"

    def file(self, module: str) -> str:
        """Where the module's file is."""
        return f"{self._directory}/{module}.ko"

    def insert(self, module: str, parameters: str = "") -> str:
        """Load it."""
        return answer(self.start_insert(module, parameters))

    def insert_each(self, *calls: tuple[str, str]) -> list[str]:
        """Load one after the other: modules and parameters, by one process."""
        rows = [["insert", self.file(module), parameters] for module, parameters in calls]
        return _answers(self._start(*rows).finish())

    def start_insert(self, module: str, parameters: str = "", *, file: str = "") -> Pending[Completed]:
        """Begin to load it, from another ``file`` if one is given."""
        return self._start(["insert", file or self.file(module), parameters])

    def remove(self, module: str) -> str:
        """Unload it."""
        return answer(self.start_remove(module))

    def start_remove(self, module: str) -> Pending[Completed]:
        """Begin to unload it."""
        return self._start(["remove", module])

    def initstate(self, module: str) -> str:
        """What the kernel says of its state: "coming", "live" or "going"."""
        return self._machine.read(f"/sys/module/{module}/initstate").strip()

    def _start(self, *rows: list[str]) -> Pending[Completed]:
        return self._machine.start("python3", "-I", "-S", "-c", _PROGRAM, json.dumps(rows), timeout_s=120.0)


def answer(call: Pending[Completed]) -> str:
    """What came of one that was begun."""
    (only,) = _answers(call.finish())
    return only


def _answers(done: Completed) -> list[str]:
    return [str(name) for name in json.loads(done.check().stdout)]
