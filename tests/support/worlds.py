"""Any module tree and any files for it, as hypothesis draws them; what compilation would refuse is among it.

Names are few, so that they meet often: five modules, one that the kernel does not have, two devices, a path.
"""

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import strategies as st

from kmodd.model import Declaration, Desired, DeviceMatch, Parameter, ParameterPolicy, Ready, When, WhenGone
from kmodd.names import ModuleName
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated_kernel import SimulatedModule, module

NAMES = tuple(ModuleName(f"m{number}") for number in range(5))
GHOST = ModuleName("ghost")
DEVICES = (DeviceMatch(subsystem="usb"), DeviceMatch(subsystem="net"))
PATH = "/run/there"

PARAMETERS = {
    "number": KernelParameter(clamp=(0, 5)),
    "fixed": KernelParameter(mode=0o444),
    "hidden": KernelParameter(mode=0),
    "secret": KernelParameter(mode=0o200),
}
"""Written and read, given at a load only, not to be seen at all, written only."""

a_name = st.sampled_from((*NAMES, *NAMES, GHOST))
no_names: st.SearchStrategy[tuple[ModuleName, ...]] = st.just(())
few_names = st.one_of(no_names, no_names, a_name.map(lambda name: (name,)))
some_names = st.one_of(few_names, st.lists(a_name, max_size=2, unique=True).map(tuple))
parameters = st.dictionaries(
    st.sampled_from(sorted(PARAMETERS)), st.sampled_from(("1", "0x2", "9")), max_size=2
).map(lambda given: tuple(Parameter(*item) for item in sorted(given.items())))
whens = st.one_of(
    st.just(When()),
    st.just(When()),
    st.just(When()),
    st.sampled_from(DEVICES).map(lambda device: When(devices=(device,))),
    st.sampled_from((PATH, f"!{PATH}")).map(lambda path: When(path_exists=(path,))),
)
readies = st.one_of(
    st.none(),
    st.none(),
    st.none(),
    st.just(Ready(path_exists=PATH)),
    st.sampled_from(DEVICES).map(lambda device: Ready(device=device)),
)


@st.composite
def declarations(draw: st.DrawFn) -> Declaration:
    """One module's table; no list in it names the module itself, which compilation would refuse."""
    name = draw(st.sampled_from(NAMES))

    def others(names: st.SearchStrategy[tuple[ModuleName, ...]]) -> tuple[ModuleName, ...]:
        return tuple(other for other in draw(names) if other != name)

    return Declaration(
        name,
        draw(st.sampled_from((*Desired, Desired.LOADED, Desired.LOADED))),
        draw(parameters),
        draw(st.sampled_from((*ParameterPolicy, ParameterPolicy.RELOAD, ParameterPolicy.RELOAD))),
        after=others(some_names),
        before=others(some_names),
        requires=others(some_names),
        wants=others(some_names),
        conflicts=others(few_names),
        replaces=others(few_names),
        when=draw(whens),
        when_gone=draw(st.sampled_from(WhenGone)),
        ready=draw(readies),
    )


catalogs = st.lists(declarations(), min_size=1, max_size=5, unique_by=lambda declaration: declaration.name)


@st.composite
def trees(draw: st.DrawFn) -> list[SimulatedModule]:
    """Modules whose dependencies are acyclic and complete, as depmod leaves them; softdeps as they come."""
    closures: dict[str, tuple[str, ...]] = {}
    found = []
    for name in NAMES:
        direct = draw(st.lists(st.sampled_from(sorted(closures)), max_size=2)) if closures else []
        closures[name] = _closure(direct, closures)
        odd = draw(st.sampled_from((*[""] * 12, "builtin", "permanent", "install")))
        entry = module(
            name,
            *closures[name],
            builtin=odd == "builtin" and not direct,
            permanent=odd == "permanent",
            install="/bin/true" if odd == "install" else "",
            before=draw(few_names),
            after=draw(few_names),
        )
        found.append(replace(entry, parameters=PARAMETERS))
    builtins = {entry.name for entry in found if entry.info.builtin}
    return [_without(entry, builtins) for entry in found]


def _closure(direct: Iterable[str], closures: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What ``direct`` needs, then itself: all of it once, in order of loading."""
    needs = dict.fromkeys(need for name in direct for need in (*closures[name], name))
    return tuple(needs)


def _without(entry: SimulatedModule, builtins: Iterable[ModuleName]) -> SimulatedModule:
    """modules.dep names no builtin."""
    kept = tuple(name for name in entry.info.dependencies if name not in set(builtins))
    return replace(entry, info=entry.info._replace(dependencies=kept))
