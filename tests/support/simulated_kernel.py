"""A kernel that is data: modules come and go, take parameters and hold one another, as a test says.

What it does is taken from the kernel (kernel/module/main.c; safety.md has what was measured), not from what
kmodd expects of it.
"""

import errno
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from itertools import count

from kmodd.model import (
    LoadRequest,
    ModuleInfo,
    ObservedModule,
    Parameter,
    Request,
    Security,
    UnloadRequest,
    WriteRequest,
)
from kmodd.names import ModuleName
from kmodd.shown import ModuleState
from tests.support.kernel_parameters import KernelParameter, load_values, readable
from tests.support.simulated_module import SimulatedModule, module
from tests.support.simulated_refusals import RELEASE, arguments, read, refusal

__all__ = ["SimulatedKernel", "SimulatedModule", "module"]


@dataclass(slots=True)
class _Live:
    """A module in the kernel; ``uses`` counts references that no module accounts for."""

    state: ModuleState
    instance: int
    values: dict[str, str]
    uses: int = 0


class SimulatedKernel:
    """Implements ``ports.KernelReader``; requests take effect in two halves, so that they can overlap."""

    def __init__(self, modules: Iterable[SimulatedModule] = ()) -> None:
        self.tree = {module.name: module for module in modules}
        self.aliases: dict[ModuleName, tuple[ModuleName, ...]] = {}
        self.similar: dict[ModuleName, tuple[ModuleName, ...]] = {}
        self._live: dict[ModuleName, _Live] = {}
        self._builtin = {
            name: {key: p.default for key, p in module.parameters.items()}
            for name, module in self.tree.items()
            if module.info.builtin
        }
        self._instances = count(1001)
        self.log: list[str] = []
        """All that it has said."""
        self.permits = Security()
        self.blacklisted: frozenset[str] = frozenset()
        """Names in module_blacklist=."""

    def release(self) -> str:
        """Kernel release."""
        return RELEASE

    def modules(self, only: Container[ModuleName] | None = None) -> Mapping[ModuleName, ObservedModule]:
        """As /proc/modules: newest first, without parameters."""
        names = [name for name in reversed(self._live) if only is None or name in only]
        return {name: self._observed(name) for name in names}

    def parameter_files(self, module: ModuleName) -> tuple[str, ...]:
        """Parameters that have a file."""
        return tuple(sorted(name for name, p in self._parameters(module).items() if p.mode))

    def parameters(self, module: ModuleName, files: Iterable[str] | None = None) -> Mapping[str, str]:
        """Text of every parameter file that root can read, or of those among ``files``."""
        known = self._parameters(module)
        if not known:
            return {}
        values = self._builtin[module] if module in self._builtin else self._live[module].values
        texts = dict(readable(known, values))
        return texts if files is None else {name: texts[name] for name in files if name in texts}

    def writable(self, module: ModuleName, files: Iterable[str] | None = None) -> frozenset[str]:
        """Parameters whose file has a write bit, among ``files`` where they are given."""
        names = frozenset(name for name, p in self._parameters(module).items() if p.mode & 0o222)
        return names if files is None else names.intersection(files)

    def _parameters(self, module: ModuleName) -> Mapping[str, KernelParameter]:
        """Those of a module that is there."""
        known = self.tree.get(module)
        there = known is not None and (known.info.builtin or module in self._live)
        return known.parameters if known is not None and there else {}

    def security(self) -> Security:
        """Nothing is forbidden, unless a test says so."""
        return self.permits

    def instance(self, module: ModuleName) -> int:
        """A number of its own for each load; a builtin has one if it has parameters."""
        known = self.tree.get(module)
        if known is not None and known.info.builtin:
            return 1 if known.parameters else 0
        live = self._live.get(module)
        return live.instance if live else 0

    def instances(self, modules: Collection[ModuleName]) -> Mapping[ModuleName, int]:
        """The instance of each."""
        return {module: self.instance(module) for module in modules}

    # ------------------------------------------------------------------------- what others do

    def insert(self, name: str, options: str = "") -> None:
        """Somebody else loads a module with all that it needs (modprobe)."""
        module = self.tree[ModuleName(name)]
        for needed in (*module.info.dependencies, module.name):
            if needed not in self._live:
                request = LoadRequest(needed, self.tree[needed].info.path, options if needed == name else "")
                _expect(self.begin(request) or self.end(request))

    def remove(self, name: str) -> None:
        """Somebody else takes a module out (rmmod)."""
        request = UnloadRequest(ModuleName(name))
        _expect(self.begin(request) or self.end(request))

    def poke(self, name: str, parameter: str, value: str) -> None:
        """Somebody else writes a parameter."""
        _expect(self.end(WriteRequest(ModuleName(name), (Parameter(parameter, value),))))

    def use(self, name: str, uses: int = 1) -> None:
        """Something that is not a module holds this many references from now on."""
        self._live[ModuleName(name)].uses = uses

    def set_state(self, name: str, state: ModuleState) -> None:
        """Somebody else's load or unload is under way, or has come to its end."""
        canonical = ModuleName(name)
        if canonical not in self._live:
            values, _ = load_values(self.tree[canonical].parameters, "")
            self._live[canonical] = _Live(state, next(self._instances), values)
        self._live[canonical].state = state

    def value(self, name: str, parameter: str) -> str:
        """What a parameter really is, readable or not."""
        module = ModuleName(name)
        return (self._builtin.get(module) or self._live[module].values)[parameter]

    def values(self, name: ModuleName) -> dict[str, str]:
        """What all parameters of a module that is in really are, readable or not."""
        return dict(self._live[name].values)

    # ------------------------------------------------------------------------ what kmodd does

    def present(self) -> frozenset[ModuleName]:
        """Modules that /proc/modules lists."""
        return frozenset(self._live)

    def info(self, name: ModuleName, *, with_modinfo: bool = False) -> ModuleInfo:
        """What the module tree says of a name; parameter types only ``with_modinfo``."""
        known = self.tree.get(name)
        if known is None:
            return ModuleInfo(name, alias_of=self.aliases.get(name, ()), similar=self.similar.get(name, ()))
        if not with_modinfo:
            return known.info
        types = tuple(
            (p, f"array of {kind.kind}" if kind.length else kind.kind) for p, kind in known.parameters.items()
        )
        types += tuple((name, "") for name in known.described)
        return read(known.info, known.file, types)

    def begin(self, request: Request) -> int:
        """What is decided before init or exit runs; an errno."""
        match request:
            case LoadRequest():
                return self._begin_load(request)
            case UnloadRequest():
                return self._begin_unload(request.module)
            case WriteRequest():
                return 0

    def end(self, request: Request, error: int = 0) -> int:
        """Init, exit or the setter has come to ``error``; the errno of it all.

        Exit cannot fail: an error of an unload says that it was not even asked.
        """
        name = request.module
        if isinstance(request, LoadRequest):
            error = error or self.tree[name].fails
            self.log += self.tree[name].says
        match request:
            case LoadRequest() if error:
                del self._live[name]
            case UnloadRequest() if not error:
                del self._live[name]
            case WriteRequest():
                return error or self._write(request)
            case _:
                self._live[name].state = ModuleState.LOADED
        return error

    def _begin_load(self, request: LoadRequest) -> int:
        """load_module() up to do_init_module(): the module is coming afterwards."""
        known, name = self.tree.get(request.module), request.module
        if known is None or not known.info.path or known.info.path != request.path:
            return errno.ENOENT
        error, line = refusal(name, known.file, self.permits, blacklisted=name in self.blacklisted)
        if error:
            self.log += filter(None, [line])
            return error
        if name in self._live:
            return errno.EEXIST
        absent = [needed for needed in known.info.dependencies if not self._is_live(needed)]
        if absent:
            self.log += (f"{name}: Unknown symbol {needed}_symbol (err -2)" for needed in absent)
            return errno.ENOENT
        values, error, lines = arguments(name, known.parameters, request.options)
        self.log += lines
        if error:
            return error
        self._live[request.module] = _Live(ModuleState.LOADING, next(self._instances), values)
        return 0

    def _begin_unload(self, name: ModuleName) -> int:
        """delete_module(2) with O_NONBLOCK, up to the exit function."""
        if self.permits.modules_disabled:
            return errno.EPERM
        live = self._live.get(name)
        if live is None:
            return errno.ENOENT
        if self._observed(name).refcount:
            return errno.EAGAIN
        if live.state is not ModuleState.LOADED or self.tree[name].permanent:
            return errno.EBUSY
        live.state = ModuleState.UNLOADING
        return 0

    def _write(self, request: WriteRequest) -> int:
        """Each of them, whatever became of those before; the first errno."""
        errors = [self._write_one(request.module, *parameter) for parameter in request.parameters]
        return next(filter(None, errors), 0)

    def _write_one(self, module: ModuleName, name: str, value: str) -> int:
        live = self._live.get(module)
        values = live.values if live else self._builtin.get(module)
        parameter = self.tree[module].parameters.get(name)
        if values is None or parameter is None or not parameter.mode:
            return errno.ENOENT
        if not parameter.mode & 0o222:
            return errno.EACCES
        try:
            values[name] = parameter.shown(value)
        except OSError as error:
            return error.errno or errno.EINVAL
        return 0

    def _is_live(self, name: ModuleName) -> bool:
        """Whether its symbols can be used."""
        known, live = self.tree.get(name), self._live.get(name)
        builtin = known is not None and known.info.builtin
        return builtin or (live is not None and live.state is ModuleState.LOADED)

    def _observed(self, name: ModuleName) -> ObservedModule:
        live, known = self._live[name], self.tree.get(name)
        holders = tuple(other for other in self._live if name in self._direct(other))
        memory_bytes = known.memory_bytes if known else 4096
        refcount = live.uses + len(holders)
        permanent = known is not None and known.permanent
        return ObservedModule(
            name, live.state, refcount, holders, memory_bytes=memory_bytes, permanent=permanent
        )

    def _direct(self, name: ModuleName) -> frozenset[ModuleName]:
        """Those of the dependencies that no other one of them brings along: whose symbols it uses."""
        known = self.tree.get(name)
        every = frozenset(known.info.dependencies) if known else frozenset()
        further = (self.tree[needed].info.dependencies for needed in every if needed in self.tree)
        return every.difference(*further)


def _expect(error: int) -> None:
    assert not error, f"what somebody else did failed with {errno.errorcode[error]}"
