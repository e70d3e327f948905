"""Intents: what kmodd is about to do to the kernel, on the disk before it is begun (the crash guard).

The child that makes the change writes its intent, the daemon takes it away when it has read back what came of
it. So an intent that is still there tells of a change whose end nobody saw: its process still runs, it was
killed by the kernel, or the whole machine went down. One file for each module and kind of change.

Imported by the loader: nothing heavy in here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from kmodd.action import ActionKind
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName, is_module_name, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

FORMAT: Final = 1
SUFFIX: Final = ".json"
SIZE_LIMIT: Final = 65536
"""Bytes; the options of a load are bounded by a page each, and by what a packet to the loader holds."""


class Note(NamedTuple):
    """What the child needs to write an intent; ``directory`` is absolute.

    ``strict``: what cannot be written down is not begun. ``kernel`` tells builds of one release apart.
    """

    directory: str
    boot_id: str
    kernel: str
    tries: int = 1
    strict: bool = False


class Intent(NamedTuple):
    """One change. Module, kind, digest, options and kernel are what a quarantine holds for.

    ``digest``: of the module's file, "" for what reads none. ``options``: of a load, or what is written.
    ``pid`` and ``start_ticks`` (proc_pid_stat(5), starttime) are the process that makes the change.
    ``since_us`` is CLOCK_MONOTONIC of that boot, ``began_us`` CLOCK_REALTIME. ``tries``: how often it was
    begun without an end being seen, this time included. ``crashed``: the kernel has killed the process.
    """

    module: ModuleName
    kind: ActionKind
    digest: str
    options: str
    kernel: str
    boot_id: str
    pid: int
    start_ticks: int
    since_us: int
    began_us: int
    tries: int = 1
    crashed: bool = False

    @property
    def file_name(self) -> str:
        """Where it lies in its directory."""
        return file_name(self.kind, self.module)


class BadIntent(ValueError):
    """A file of an intent that kmodd has not written so; one sentence on why."""


def file_name(kind: str, module: str) -> str:
    """Name of the file of an intent; no name of a module has a dot in it."""
    return f"{module}.{kind}{SUFFIX}"


def written(parameters: Iterable[tuple[str, str]]) -> str:
    """What an intent to write ``parameters`` (name, value) has for options."""
    return " ".join(f"{name}={value}" for name, value in parameters)


def render(intent: Intent) -> bytes:
    """The file's content; ASCII."""
    return json.dumps({"format": FORMAT, **intent._asdict()}).encode("ascii")


def parse(name: str, content: bytes) -> Intent:
    """Inverse of ``render``, for the file ``name``. Raises BadIntent."""
    try:
        document = json.loads(content)
    except ValueError:
        raise BadIntent("it is no JSON") from None
    except RecursionError:
        raise BadIntent("nested too deep") from None
    if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
        raise BadIntent("another format")
    intent = _checked(document)
    if intent.file_name != name:
        raise BadIntent("it tells of another change than its name")
    return intent


def _checked(document: dict[str, Any]) -> Intent:
    """Every field with its own type, and no others."""
    if set(document) != set(Intent._fields):
        raise BadIntent("it has other fields")
    for field, value in document.items():
        wanted = _TYPES.get(Intent.__annotations__[field], str)
        if type(value) is not wanted:
            raise BadIntent(f"{field} is no {wanted.__name__}")
    if not is_module_name(document["module"]) or document["kind"] not in _KINDS:
        raise BadIntent("it names no module, or no change of one")
    texts = {key: printable(value) for key, value in document.items() if type(value) is str}
    return Intent(**{**document, **texts, "kind": ActionKind(document["kind"])})


_KINDS: Final = frozenset(map(str, ActionKind))
_TYPES: Final = {"int": int, "bool": bool}
