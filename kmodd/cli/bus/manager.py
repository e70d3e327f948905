"""What kmodd says over the bus (org.kmodd1(5)), as the records of ``kmodd.shown``.

How it stands in short, and how properties are read, is in ``kmodd.cli.bus.standing``.
"""

from collections.abc import Mapping
from typing import Any

from kmodd.bus import names
from kmodd.bus.message import ALLOW_INTERACTIVE_AUTHORIZATION, Variant
from kmodd.cli.bus.client import CALL_TIMEOUT_S
from kmodd.cli.bus.standing import MANAGER, Row, Standing, Wire, connected, known
from kmodd.errors import ErrorKind, KmoddError
from kmodd.names import ModuleName, printable
from kmodd.shown import (
    ActionRow,
    Condition,
    Drift,
    Location,
    ModuleState,
    ModuleStatus,
    OutcomeRow,
    Source,
    Stage,
)

PING_TIMEOUT_S = CALL_TIMEOUT_S

_PING = (names.SERVICE, names.MANAGER_PATH, names.PEER, "Ping")


def _source(key: str, value: str, line: int, file: str) -> Source:
    return Source(key, value, Location(file, line))


MODULE: Mapping[str, Wire] = {
    "name": Wire("Name", "s"),
    "desired": Wire("Desired", "s"),
    "state": Wire("State", "s"),
    "condition": Wire("Condition", "s"),
    "message": Wire("Message", "s"),
    "reason": Wire("Reason", "s"),
    "parameters": Wire("Parameters", "a{ss}"),
    "desired_parameters": Wire("DesiredParameters", "a{ss}"),
    "drift": Wire("Drift", "a(sss)", Drift),
    "refcount": Wire("RefCount", "i"),
    "holders": Wire("Holders", "as"),
    "dependencies": Wire("Dependencies", "as"),
    "blockers": Wire("Blockers", "as"),
    "memory_bytes": Wire("MemorySize", "t"),
    "path": Wire("Path", "s"),
    "version": Wire("ModuleVersion", "s"),
    "srcversion": Wire("SrcVersion", "s"),
    "signer": Wire("Signer", "s"),
    "vermagic": Wire("VerMagic", "s"),
    "vermagic_matches": Wire("VerMagicMatches", "b"),
    "taint": Wire("Taint", "s"),
    "loaded_us": Wire("LoadedUSec", "t"),
    "load_duration_us": Wire("LoadDurationUSec", "t"),
    "stages": Wire("LoadStages", "a(st)", Stage),
    "failure_count": Wire("FailureCount", "u"),
    "next_retry_us": Wire("NextRetryUSec", "t"),
    "kernel_messages": Wire("KernelMessages", "as"),
    "sources": Wire("Sources", "a(ssus)", _source),
}
# What a module without these properties, of another kmodd, is taken to have.
_UNSAID = dict.fromkeys(MODULE.keys() - ModuleStatus._field_defaults.keys(), "")


class Manager(Standing):
    """Everything that kmodd can be asked for. What fails is a KmoddError, as Client.call says."""

    def ping(self) -> None:
        """Return if it answers. Raises NOT_RUNNING, BUSY."""
        self.client.call(_PING, answer="", timeout_s=PING_TIMEOUT_S)

    def module(self, name: ModuleName) -> ModuleStatus:
        """A managed or present module; raises NOT_FOUND."""
        path: str = self._ask("GetModule", "s", name, answer="o")
        return ModuleStatus(**{**_UNSAID, **self._properties(path, names.MODULE_INTERFACE, MODULE)})

    def explain(self, name: ModuleName) -> tuple[Source, ...]:
        """Provenance of every value of a managed module; raises NOT_FOUND."""
        return tuple(_source(*row) for row in self._ask("Explain", "s", name, answer="a(ssus)"))

    def plan(self) -> tuple[ActionRow, ...]:
        """What reconcile() would do now."""
        return tuple(ActionRow(*row) for row in self._ask("Plan", answer="a(ssss)"))

    def symbols(self, name: ModuleName) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
        """Symbols that a module's file needs, each with the module that exports it, and those it exports."""
        needed, exported = self.client.call((*MANAGER, "Symbols"), "s", (name,), answer="a(ss)as")
        return tuple((symbol, exporter) for symbol, exporter in needed), tuple(exported)

    def memory(self) -> dict[str, int]:
        """Bytes of memory of every module that has an object."""
        target = (names.SERVICE, names.MANAGER_PATH, names.OBJECT_MANAGER, "GetManagedObjects")
        (objects,) = self.client.call(target, answer="a{oa{sa{sv}}}")
        found: dict[str, int] = {}
        for interfaces in objects.values():
            module = known(interfaces.get(names.MODULE_INTERFACE, {}), MODULE)
            if "name" in module:
                found[module["name"]] = module.get("memory_bytes", 0)
        return found

    def reload(self) -> int:
        """Compile the files again; the generation. Raises INVALID_CONFIG with every message."""
        generation: int = self._change("Reload", answer="u")
        return generation

    def reconcile(self) -> tuple[OutcomeRow, ...]:
        """One whole pass, carried out."""
        return tuple(OutcomeRow(*row) for row in self._change("Reconcile", answer="a(sss)"))

    def row(self, name: ModuleName) -> Row:
        """How a module stands, in short, whether it is managed or not."""
        for row in self.modules():
            if row.name == name:
                return row
        try:
            module = self.module(name)
        except KmoddError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            message = "no file names it, and it is not in the kernel"
            return Row(name, "", ModuleState.NOT_LOADED, Condition.NOT_MANAGED, message)
        return Row(name, module.desired, module.state, module.condition, module.message)

    def retry(self, name: ModuleName) -> None:
        """Have tried at once what failed with a module; raises NOT_FOUND."""
        self._change("Retry", "s", name)

    def release(self, name: ModuleName) -> None:
        """End the quarantine of a module; raises NOT_FOUND, BUSY."""
        self._change("Release", "s", name)

    def pause(self, *, paused: bool) -> None:
        """Stop enforcement, or go on with it."""
        self._change("Pause" if paused else "Resume")

    def set_override(self, name: ModuleName, values: Mapping[str, object]) -> None:
        """Want this of a module until the next boot, in the place of what was wanted so before.

        ``values`` are keys of kmodd.d(5) with what a file has. Raises INVALID_CONFIG, INVALID_ARGUMENT, BUSY.
        """
        self._change("SetOverride", "sa{sv}", name, {key: variant(value) for key, value in values.items()})

    def clear_override(self, name: ModuleName) -> None:
        """Want it no more; raises NOT_FOUND."""
        self._change("ClearOverride", "s", name)

    def create_checkpoint(self, timeout_s: int) -> str:
        """Have all taken back after so many seconds, unless it is committed; its id. Raises BUSY."""
        checkpoint: str = self._change("CreateCheckpoint", "u", timeout_s, answer="s")
        return checkpoint

    def commit(self, checkpoint: str) -> None:
        """Keep what was changed; raises NOT_FOUND where it was taken back already."""
        self._change("Commit", "s", checkpoint)

    def roll_back(self, checkpoint: str) -> None:
        """Take all back now, and wait for it; raises NOT_FOUND, and IN_USE with what is left."""
        self._change("Rollback", "s", checkpoint)

    def _ask(self, member: str, signature: str = "", *arguments: str, answer: str) -> Any:
        (value,) = self.client.call((*MANAGER, member), signature, arguments, answer=answer)
        return value

    def _change(self, member: str, signature: str = "", *arguments: Any, answer: str = "") -> Any:
        """Call what changes something: polkit may ask for a password, and a load takes what it takes.

        So there is no limit; but who does not answer at all is not waited for.
        """
        self.ping()
        values = self.client.call(
            (*MANAGER, member),
            signature,
            arguments,
            answer=answer,
            flags=ALLOW_INTERACTIVE_AUTHORIZATION,
            timeout_s=None,
        )
        return values[0] if values else None

    def _properties(self, path: str, interface: str, wires: Mapping[str, Wire]) -> dict[str, Any]:
        """Properties by field; one that is not there, or is of another type, is left out."""
        target = (names.SERVICE, path, names.PROPERTIES, "GetAll")
        (values,) = self.client.call(target, "s", (interface,), answer="a{sv}")
        return known(values, wires)


def ask() -> Manager:
    """The daemon on the system bus, or on the one that the environment names. Raises NO_BUS."""
    return Manager(connected())


def variant(value: object) -> Variant:
    """A value of a file (bool, int, float, str, list, dict) as it travels; raises INVALID_ARGUMENT."""
    match value:
        case bool():
            return Variant("b", value)
        case int() if -(2**63) <= value < 2**64:
            return Variant("t" if value >= 2**63 else "x", value)
        case float():
            return Variant("d", value)
        case str():
            return Variant("s", value)
        case list():
            return Variant("av", [variant(item) for item in value])
        case dict():
            return Variant("a{sv}", {key: variant(item) for key, item in value.items()})
    raise KmoddError(
        ErrorKind.INVALID_ARGUMENT,
        f"{printable(repr(value)[:60])} cannot be the value of a key",
        "kmodd.d(5) has keys and values",
    )
