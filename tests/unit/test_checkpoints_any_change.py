"""Whatever files said before and after: a rollback has the kernel as it was, but for what others did."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.errors import KmoddError
from kmodd.model import Declaration, Desired, Parameter, ParameterPolicy
from kmodd.names import ModuleName
from tests.support.daemon import CONFIG, SimulatedDaemon, play
from tests.support.kernel_parameters import KernelParameter
from tests.support.properties import unhurried
from tests.support.simulated_kernel import SimulatedKernel, module

TREE = (
    module("base", level=KernelParameter()),
    module("upper", "base", size=KernelParameter(mode=0o444)),
    module(
        "other",
        level=KernelParameter(),
        size=KernelParameter(mode=0o444),
        label=KernelParameter("charp", "(null)"),
    ),
    module("fixed", size=KernelParameter(mode=0o444), on=KernelParameter("bool", "N")),
    module("core", builtin=True, level=KernelParameter()),
)
VALUES = {"level": ("0", "1", "2"), "size": ("0", "5"), "on": ("Y", "N"), "label": ("x", "a b")}


@st.composite
def declarations(draw: st.DrawFn) -> tuple[Declaration, ...]:
    """What files may say of the modules of the tree."""
    chosen: list[Declaration] = []
    for each in TREE:
        if not draw(st.booleans()):
            continue
        states = [Desired.LOADED, Desired.AUTO] if each.info.builtin else list(Desired)
        names = draw(st.sets(st.sampled_from(sorted(each.parameters)), max_size=2))
        parameters = tuple(Parameter(n, draw(st.sampled_from(VALUES[n]))) for n in sorted(names))
        policy = draw(st.sampled_from(ParameterPolicy))
        state = draw(st.sampled_from(states))
        chosen.append(Declaration(each.name, state, parameters, policy))
    return tuple(chosen)


loads = st.lists(st.sampled_from(["upper", "other", "fixed", "base"]), max_size=3, unique=True)
options = st.sampled_from(["", "size=5", "level=2"])


def seen(kernel: SimulatedKernel) -> dict[str, dict[str, str]]:
    """Modules in the kernel, and what their parameters read as."""
    names = (*kernel.present(), ModuleName("core"))
    return {name: dict(kernel.parameters(name)) for name in names}


def without_labels(modules: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """But for text that nobody had set: no writing brings that back, only a load."""
    return {n: {p: v for p, v in values.items() if p != "label"} for n, values in modules.items()}


def loaded_by_others(names: Iterable[str], text: str) -> SimulatedKernel:
    kernel = SimulatedKernel(TREE)
    for name in names:
        if name not in kernel.present():
            kernel.insert(name, text if name in ("other", "fixed") and "level" not in text else "")
    return kernel


@unhurried
@given(loads, options, declarations(), declarations(), declarations(), st.booleans())
def test_any_change_of_files_is_taken_back(
    tmp_path_factory: pytest.TempPathFactory,
    others: list[str],
    text: str,
    before: tuple[Declaration, ...],
    first: tuple[Declaration, ...],
    second: tuple[Declaration, ...],
    killed: bool,
) -> None:
    kernel = loaded_by_others(others, text)
    then: list[dict[str, dict[str, str]]] = []
    left: list[str] = []

    async def change(daemon: SimulatedDaemon) -> None:
        daemon.declare(*before)
        await daemon.look(CONFIG)
        await asyncio.sleep(10)  # whatever is put off is done
        then.append(seen(kernel))
        checkpoint = await daemon.facade.create_checkpoint(1000)
        for files in (first, second):
            daemon.declare(*files)
            await daemon.look(CONFIG)
        if not killed:
            with suppress(KmoddError):  # what cannot be taken back
                await daemon.facade.roll_back(checkpoint)
            await asyncio.sleep(10)
            left.append(daemon.snapshot.problem)

    async def next_one(daemon: SimulatedDaemon) -> None:
        daemon.declare(*second)
        await asyncio.sleep(10)
        left.append(daemon.snapshot.problem)

    path: Path = tmp_path_factory.mktemp("daemon")
    play(path, change, kernel=kernel)
    if killed:
        play(path, next_one, kernel=kernel)
    assert without_labels(seen(kernel)) == without_labels(then[0])
    assert ("could not take everything back" in left[-1]) is ("label cannot be put back" in left[-1])
