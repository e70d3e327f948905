"""Properties of a module: what each looks at, so that a change of anything else costs nothing."""

from typing import Any

import pytest

from kmodd.bus import properties
from kmodd.bus.interfaces import MODULE
from kmodd.bus.table import Property
from kmodd.bus.tree import Binding
from kmodd.names import ModuleName
from kmodd.shown import Condition, ModuleState, ModuleStatus

STATUS = ModuleStatus(ModuleName("loop"), "loaded", ModuleState.LOADING, Condition.LOADING, "")


class _Watched:
    """A status that keeps which attributes were looked at."""

    def __init__(self) -> None:
        self.seen = set[str]()

    def __getattr__(self, name: str) -> Any:
        self.seen.add(name)
        return getattr(STATUS, name)


@pytest.mark.parametrize("each", MODULE.properties.values(), ids=lambda each: each.name)
def test_it_looks_at_nothing_but_its_attribute(each: Property) -> None:
    watched = _Watched()
    each.getter(watched)
    assert watched.seen == {each.attribute}


def test_what_differs_may_read_otherwise_and_nothing_else() -> None:
    later = STATUS._replace(state=ModuleState.LOADED, message="it is there", refcount=0)
    before, after = (Binding(MODULE, status, frozen=True) for status in (STATUS, later))
    assert [each.name for each in properties.moved(before, after)] == ["State", "Message"]


def test_what_looks_at_more_than_can_be_said_may_always_read_otherwise() -> None:
    each = MODULE.properties["State"]
    binding = Binding(MODULE, STATUS, frozen=True)
    assert properties.moved(binding, binding) == []
    interface = type(MODULE)("org.example", properties=(each._replace(attribute=""),))
    binding = Binding(interface, STATUS, frozen=True)
    assert [moved.name for moved in properties.moved(binding, binding)] == ["State"]
