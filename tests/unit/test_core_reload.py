"""Reloads by a list of modules that was read in two pieces: what stands in it need not fit together."""

from collections.abc import Container, Mapping
from functools import partial

import pytest

from kmodd.model import Declaration, ObservedModule, ParameterPolicy
from kmodd.names import ModuleName
from kmodd.shown import Condition
from tests.support.kernel_parameters import KernelParameter
from tests.support.planning import planned
from tests.support.simulated_kernel import SimulatedKernel, module
from tests.unit.test_core_plan import declare, verdict

LEVEL = KernelParameter(mode=0o444)


class Torn(SimulatedKernel):
    """A kernel of which ``base`` and ``top`` are read, with ``holders`` that are not theirs."""

    def __init__(self, holders: Mapping[str, str]) -> None:
        super().__init__([module("base", level=LEVEL), module("top", "base")])
        self.insert("base")
        self.insert("top")
        self._holders = holders

    def modules(self, only: Container[ModuleName] | None = None) -> Mapping[ModuleName, ObservedModule]:
        return {name: self._torn(name, seen) for name, seen in super().modules(only).items()}

    def _torn(self, name: ModuleName, seen: ObservedModule) -> ObservedModule:
        holder = self._holders.get(name)
        return seen._replace(holders=(ModuleName(holder),)) if holder else seen


@pytest.fixture
def declared() -> list[Declaration]:
    reloaded = partial(declare("base", level="1")._replace, on_parameter_change=ParameterPolicy.RELOAD)
    return [reloaded(), declare("top")]


def test_a_holder_that_is_not_in_the_list_is_waited_for(declared: list[Declaration]) -> None:
    found = planned(Torn({"top": "coming"}), declared)
    assert not found.steps
    assert verdict(found, "base") == (
        Condition.RELOAD_PENDING,
        "level is '0', wanted '1'; a reload waits for coming (it comes or goes at this moment)",
    )


def test_holders_in_a_circle_come_to_an_end(declared: list[Declaration]) -> None:
    found = planned(Torn({"top": "base"}), declared)
    assert found.steps[:2] == [("unload", "top"), ("unload", "base")]
