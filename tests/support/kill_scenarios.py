"""What kmodd is killed at: somebody edits files, calls, or has gone down with the machine before."""

from collections.abc import Callable

from kmodd.action import ActionKind
from kmodd.core.crash import Boot
from kmodd.daemon.checkpoint_file import CheckpointFile
from kmodd.daemon.intent_files import GuardFiles
from kmodd.intent import Intent
from kmodd.model import Declaration, Desired, Parameter, ParameterPolicy
from kmodd.names import ModuleName
from tests.support.daemon import SimulatedDaemon, declare, with_parameters
from tests.support.kernel_parameters import KernelParameter
from tests.support.killing import Scenario, Step, World
from tests.support.simulated import NOBODY
from tests.support.simulated_kernel import module

Prepare = Callable[[World], object]
DUMMY, FIXED, OTHER = map(ModuleName, ("dummy", "fixed", "other"))
TREE = (
    module("base"),
    module("upper", "base"),
    module("other"),
    module("dummy", numdummies=KernelParameter(mode=0), level=KernelParameter()),
    module("serial"),
    module("fixed", size=KernelParameter(mode=0o444), level=KernelParameter()),
    module("above", "fixed"),
    module("stranger", level=KernelParameter()),
)
RELOADED = Declaration(
    FIXED, parameters=(Parameter("size", "5"),), on_parameter_change=ParameterPolicy.RELOAD
)


def loaded_by_others(*names: str, options: str = "") -> Prepare:
    """Those, the first with ``options``, and one that is no business of kmodd."""

    def prepare(world: World) -> None:
        for number, name in enumerate((*names, "stranger")):
            world.kernel.insert(name, "" if number else options)

    return prepare


def went_down(tries: int) -> Prepare:
    """The boot before ended while ``other`` was being loaded, for so many times."""

    def prepare(world: World) -> None:
        files = GuardFiles(world.path / "state")
        kernel = "6.12.0-simulated #1 SMP"
        digest = "digest of /lib/modules/6.12.0-simulated/kernel/other.ko"
        intent = Intent(OTHER, ActionKind.LOAD, digest, "", kernel, "boot-0", NOBODY, 0, 1, 1, tries)
        files.intents.mkdir(parents=True)
        files.rewrite(intent)
        files.keep_boot(Boot(boot_id="boot-0", key="()"))

    return prepare


def unloaded(name: str) -> Declaration:
    return declare(name, Desired.UNLOADED)


async def create_checkpoint(daemon: SimulatedDaemon) -> None:
    await daemon.facade.create_checkpoint(600)


async def roll_back(daemon: SimulatedDaemon) -> None:
    await daemon.facade.roll_back(open_checkpoint(daemon))


async def commit(daemon: SimulatedDaemon) -> None:
    await daemon.facade.commit(open_checkpoint(daemon))


def open_checkpoint(daemon: SimulatedDaemon) -> str:
    """Its id."""
    found = CheckpointFile(daemon.tree.parent).read()
    assert found is not None
    return found[0].id


def override(**values: object) -> Step:
    """SetOverride for ``dummy``: who got no answer changed nothing."""
    return Step(call=lambda daemon: daemon.facade.set_override(DUMMY, values), may_be=(-1, 0))


CLEARED = Step(call=lambda daemon: daemon.facade.clear_override(DUMMY), may_be=(-1, 0))
MEANWHILE_S = 0.07
"""What holds the reloaded module is out by then."""

_SCENARIOS = (
    Scenario(
        "loads",
        (
            Step((declare("upper"), with_parameters("dummy", level="3", numdummies="2"), declare("other"))),
            Step((declare("upper"), declare("fixed", Desired.LOADED, "serial"), with_parameters("dummy"))),
        ),
        loaded_by_others(),
        ("stranger",),
        blind="dummy",
    ),
    Scenario(
        "removals",
        (
            Step((*map(unloaded, ("base", "upper")), declare("other", Desired.DENIED))),
            Step((declare("serial", Desired.DENIED), declare("other", Desired.AUTO))),
        ),
        loaded_by_others("upper", "other", "serial"),
        ("stranger",),
    ),
    Scenario(
        "reload",
        (Step((declare("above"),)), Step((RELOADED, declare("above")))),
        loaded_by_others("fixed", "above", options="size=1"),
        ("stranger",),
    ),
    Scenario(
        "reload, and the files are taken away meanwhile",
        (
            Step((RELOADED, declare("above")), wait_s=MEANWHILE_S, may_be=(2,)),
            Step((), may_be=(0, 2)),
            Step((RELOADED, declare("above"))),
            Step(()),
        ),
        loaded_by_others("fixed", "above", options="size=1"),
        ("stranger",),
    ),
    Scenario(
        "writes",
        (
            Step((with_parameters("dummy", level="3"), with_parameters("fixed", level="4"))),
            Step((with_parameters("dummy", level="5"), with_parameters("fixed", level="4"))),
        ),
        loaded_by_others("dummy", "fixed"),
        ("stranger",),
    ),
    Scenario(
        "replaces",
        (Step((Declaration(DUMMY, replaces=(OTHER,)),)), Step((declare("other"),))),
        loaded_by_others("other"),
        ("stranger",),
    ),
    Scenario(
        "files",
        (
            Step(drops={"40-a.toml": "[module.upper]\n[module.dummy]\nparameters.level = 2\n"}),
            Step(drops={"40-a.toml": "[module.upper]\n", "50-b.toml": "[module.other]\nstate = 'denied'\n"}),
            Step(drops={"50-b.toml": "[module.other"}),
            Step(drops={"50-b.toml": "[module.other]\nparameters = {}\n"}),
        ),
        loaded_by_others(),
        ("stranger",),
    ),
    Scenario(
        "overrides",
        (
            Step(drops={"40-a.toml": "[module.dummy]\nparameters.level = 2\n"}),
            override(parameters={"level": 7}),
            override(state="unloaded"),
            CLEARED,
        ),
        loaded_by_others(),
        ("stranger",),
    ),
    Scenario(
        "checkpoint rolled back",
        (
            Step((declare("fixed", Desired.AUTO), declare("serial"))),
            Step(call=create_checkpoint),
            Step(
                (declare("upper"), declare("fixed", Desired.UNLOADED), with_parameters("dummy", level="4")),
                may_be=(-1,),
            ),
            Step(call=roll_back),
        ),
        loaded_by_others("fixed", options="size=3 level=2"),
        ("stranger",),
    ),
    Scenario(
        "checkpoint committed",
        (
            Step((declare("serial"),)),
            Step(call=create_checkpoint),
            Step((declare("upper"), declare("serial")), may_be=(-1,)),
            Step(call=commit, may_be=(-2, 0)),
        ),
        loaded_by_others(),
        ("stranger",),
    ),
    Scenario(
        "pause",
        (
            Step(call=lambda daemon: daemon.facade.pause(paused=True), may_be=(0,)),
            Step((declare("other"),)),
            Step(call=lambda daemon: daemon.facade.pause(paused=False), may_be=(-1, 0)),
        ),
        loaded_by_others(),
        ("stranger",),
    ),
    Scenario(
        "a suspect", (Step((declare("other"), declare("upper"))),), went_down(tries=1), accused=("other",)
    ),
    Scenario(
        "a quarantine",
        (
            Step((declare("other"), declare("upper"))),
            Step(call=lambda daemon: daemon.facade.release(OTHER), may_be=(-1, 0)),
        ),
        went_down(tries=2),
        accused=("other",),
    ),
)
SCENARIOS = {scenario.name: scenario for scenario in _SCENARIOS}
