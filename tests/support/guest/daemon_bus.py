"""What kmodd says on the bus of a machine, as values; read with busctl, as a person would."""

import json
from dataclasses import dataclass
from typing import Any

from tests.support.guest.conditions import BUS_NAME, CommandPrints
from tests.support.guest.machine import GuestMachine

MANAGER_PATH = "/org/kmodd1"
MANAGER = "org.kmodd1.Manager"
MODULE = "org.kmodd1.Module"


def module_path(name: str) -> str:
    """Object path of a module."""
    return f"/org/kmodd1/module/{name}"


@dataclass(frozen=True, slots=True)
class Bus:
    """kmodd on the system bus of ``vm``."""

    vm: GuestMachine

    def call(self, member: str, signature: str = "", *arguments: str) -> Any:
        """Result of a method of the manager, as busctl's JSON gives it."""
        signed = (signature, *arguments) if signature else ()
        answer = self.vm.busctl("--json=short", "call", BUS_NAME, MANAGER_PATH, MANAGER, member, *signed)
        text = answer.check().stdout
        return json.loads(text)["data"][0] if text.strip() else None

    def manager(self, name: str) -> Any:
        """A property of the manager."""
        return self._property(MANAGER_PATH, MANAGER, name)

    def module(self, module: str, name: str) -> Any:
        """A property of a module."""
        return self._property(module_path(module), MODULE, name)

    def wait_for_condition(self, module: str, condition: str) -> None:
        """Wait until a module has a condition."""
        self.vm.wait_for(property_is(module_path(module), MODULE, "Condition", condition))

    def wait_for_text(self, module: str, name: str, pattern: str) -> None:
        """Wait until ``pattern`` (regular expression) is found in the JSON of a module's property."""
        self.vm.wait_for(CommandPrints(_get(module_path(module), MODULE, name), pattern))

    def wait_for_message(self, module: str, pattern: str) -> None:
        """Wait until a module's message says something."""
        self.wait_for_text(module, "Message", pattern)

    def wait_for_state(self, state: str) -> None:
        """Wait until the manager is in a state."""
        self.vm.wait_for(property_is(MANAGER_PATH, MANAGER, "State", state))

    def wait_until_converged(self) -> None:
        """Wait until the kernel is as declared."""
        self.vm.wait_for(property_is(MANAGER_PATH, MANAGER, "Converged", "true"))

    def _property(self, path: str, interface: str, name: str) -> Any:
        return json.loads(self.vm.run(*_get(path, interface, name)).check().stdout)["data"]


def property_is(path: str, interface: str, name: str, value: str) -> CommandPrints:
    """A property reads as ``value`` (text or boolean)."""
    return CommandPrints(_get(path, interface, name), rf'"data":"?{value}"?\}}')


def _get(path: str, interface: str, name: str) -> tuple[str, ...]:
    return "busctl", "--json=short", "get-property", BUS_NAME, path, interface, name
