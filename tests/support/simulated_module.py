"""A module of a simulated kernel, and how a test writes one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kmodd.model import ModuleInfo
from kmodd.names import ModuleName
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated_refusals import WHOLE, File


@dataclass(frozen=True, slots=True)
class SimulatedModule:
    """A module that the kernel has: what the module tree says of it, and its parameters."""

    info: ModuleInfo
    parameters: Mapping[str, KernelParameter] = field(default_factory=dict)
    memory_bytes: int = 16384
    permanent: bool = False
    fails: int = 0
    """errno of its init."""
    says: tuple[str, ...] = ()
    """What its init prints."""
    file: File = WHOLE
    described: tuple[str, ...] = ()
    """Parameters that only its modinfo has."""

    @property
    def name(self) -> ModuleName:
        """Its name."""
        return self.info.name


def module(
    name: str,
    *needs: str,
    builtin: bool = False,
    before: Iterable[str] = (),
    after: Iterable[str] = (),
    options: str = "",
    install: str = "",
    permanent: bool = False,
    fails: int = 0,
    says: Iterable[str] = (),
    file: File = WHOLE,
    described: Iterable[str] = (),
    **parameters: KernelParameter,
) -> SimulatedModule:
    """A module: ``needs`` are all that must be in first, ``before`` and ``after`` its softdeps."""
    info = ModuleInfo(
        ModuleName(name),
        path="" if builtin else f"/lib/modules/6.12.0-simulated/kernel/{name}.ko",
        builtin=builtin,
        dependencies=tuple(map(ModuleName, needs)),
        softdeps_before=tuple(map(ModuleName, before)),
        softdeps_after=tuple(map(ModuleName, after)),
        options=options,
        install_command=install,
    )
    return SimulatedModule(
        info,
        parameters,
        permanent=permanent,
        fails=fails,
        says=tuple(says),
        file=file,
        described=tuple(described),
    )
