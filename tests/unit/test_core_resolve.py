"""What is pulled in, and what is not."""

import pytest

from kmodd.core.resolve import DesiredState, resolve
from kmodd.model import Catalog, Declaration, Desired, DeviceMatch, Facts, When
from kmodd.names import ModuleName
from tests.support.simulated_kernel import SimulatedKernel, SimulatedModule, module

TREE = (
    module("base"),
    module("middle", "base"),
    module("top", "base", "middle"),
    module("soft", before=("base", "ghost"), after=("tail", "spirit")),
    module("tail"),
    module("alone"),
)
UNMET = When(architecture=("pdp11",))
HERE, GONE = DeviceMatch(subsystem="here"), DeviceMatch(subsystem="gone")


def names(*texts: str) -> tuple[ModuleName, ...]:
    return tuple(map(ModuleName, texts))


def declare(name: str, state: Desired = Desired.LOADED, **lists: tuple[ModuleName, ...]) -> Declaration:
    return Declaration(
        ModuleName(name), state, requires=lists.get("requires", ()), wants=lists.get("wants", ())
    )


def resolved(*declarations: Declaration, tree: tuple[SimulatedModule, ...] = TREE) -> DesiredState:
    """Resolve as a survey does it: look up what is unknown until nothing is."""
    kernel = SimulatedKernel(tree)
    state = resolve(Catalog(declarations=declarations), Facts(), {})
    while state.unknown:
        infos = {**state.infos, **{name: kernel.info(name) for name in state.unknown}}
        state = resolve(Catalog(declarations=declarations), Facts(), infos)
    return state


def shape(state: DesiredState) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {name: (module.desired.value, module.pulled_by) for name, module in state.modules.items()}


def test_dependencies_are_pulled_by_all_that_need_them() -> None:
    assert shape(resolved(declare("top"))) == {
        "top": ("loaded", ()),
        "middle": ("loaded", ("top",)),
        "base": ("loaded", ("middle", "top")),
    }


def test_requires_and_wants_are_pulled_whether_they_exist_or_not() -> None:
    state = resolved(declare("alone", requires=names("tail"), wants=names("nothing")))
    assert shape(state) == {
        "alone": ("loaded", ()),
        "tail": ("loaded", ("alone",)),
        "nothing": ("loaded", ("alone",)),
    }


def test_softdeps_are_pulled_only_where_the_kernel_has_them() -> None:
    assert shape(resolved(declare("soft"))).keys() == {"soft", "base", "tail"}


def test_a_softdep_that_is_wanted_too_is_pulled_even_if_it_does_not_exist() -> None:
    assert "ghost" in shape(resolved(declare("soft", wants=names("ghost"))))


@pytest.mark.parametrize("state", [Desired.AUTO, Desired.UNLOADED, Desired.DENIED])
def test_only_what_is_to_be_loaded_pulls(state: Desired) -> None:
    assert shape(resolved(declare("top", state))) == {"top": (state.value, ())}


def test_a_condition_that_is_not_met_makes_it_auto() -> None:
    state = resolved(Declaration(ModuleName("top"), when=UNMET))
    assert shape(state) == {"top": ("auto", ())}
    assert state.modules[ModuleName("top")].unmet == "when.architecture = 'pdp11' does not hold"


def test_a_condition_that_is_not_met_lifts_a_denial_too() -> None:
    state = resolved(Declaration(ModuleName("top"), Desired.DENIED, when=UNMET))
    assert shape(state) == {"top": ("auto", ())}


@pytest.mark.parametrize(
    "base",
    [declare("base", Desired.AUTO), Declaration(ModuleName("base"), when=UNMET)],
)
def test_what_others_need_is_loaded_whatever_it_says_itself(base: Declaration) -> None:
    state = resolved(base, declare("middle"))
    assert shape(state)["base"] == ("loaded", ("middle",))
    assert state.modules[ModuleName("base")].declaration is base


@pytest.mark.parametrize("state", [Desired.UNLOADED, Desired.DENIED])
def test_what_is_to_be_out_is_not_pulled(state: Desired) -> None:
    assert shape(resolved(declare("base", state), declare("middle")))["base"] == (state.value, ())


def test_what_the_tree_has_not_been_asked_about_is_unknown() -> None:
    state = resolve(Catalog(declarations=(declare("top"),)), Facts(), {})
    assert state.unknown == {"top"}
    info = SimulatedKernel(TREE).info(ModuleName("top"))
    assert resolve(Catalog(declarations=(declare("top"),)), Facts(), {info.name: info}).unknown == {
        "middle",
        "base",
    }


def test_modules_that_pull_one_another_end() -> None:
    state = resolved(declare("alone", requires=names("tail")), declare("tail", requires=names("alone")))
    assert shape(state) == {"alone": ("loaded", ("tail",)), "tail": ("loaded", ("alone",))}


@pytest.mark.parametrize(
    ("when", "words", "awaits"),
    [
        (When(devices=(GONE,)), (), True),
        (When(devices=(HERE, GONE)), (), False),
        (When(devices=(HERE,), architecture=("pdp11",)), (), False),
        (UNMET, (), False),
        (When(devices=(GONE,)), ("kmodd.skip=alone",), False),
        (When(devices=(GONE,)), ("modprobe.blacklist=alone",), False),
    ],
)
def test_a_device_is_awaited_only_where_its_coming_changes_something(
    when: When, words: tuple[str, ...], awaits: bool
) -> None:
    catalog = Catalog(declarations=(Declaration(ModuleName("alone"), when=when),))
    facts = Facts(command_line=words, present_devices=frozenset((HERE,)))
    assert resolve(catalog, facts, {}).awaits_device is awaits
