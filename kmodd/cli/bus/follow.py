"""What kmodd says as it happens: its signals (org.kmodd1(5)) as events, in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kmodd.bus import names
from kmodd.bus.decode import decode_body
from kmodd.bus.message import Message
from kmodd.cli.bus.manager import MODULE, Manager
from kmodd.cli.bus.standing import OVERVIEW, Row, known
from kmodd.errors import ErrorKind, KmoddError
from kmodd.named_tuple import NamedTuple
from kmodd.shown import Condition, OutcomeRow

GONE = "not-running"
"""``state`` of an event: kmodd has left the bus."""

_RULES = (
    f"type='signal',sender='{names.SERVICE}',path_namespace='{names.MANAGER_PATH}'",
    f"type='signal',sender='{names.BUS}',member='NameOwnerChanged',arg0='{names.SERVICE}'",
)


class Daemon(NamedTuple):
    """How kmodd as a whole stands."""

    state: str
    converged: bool
    paused: bool
    generation: int


_ROW = {field: MODULE[field] for field in Row._fields}
_DAEMON = {field: OVERVIEW[field] for field in Daemon._fields}
Event = Row | Daemon | OutcomeRow


class Follower:
    """Tells of every change after begin(), as long as a call to kmodd or wait() lasts."""

    def __init__(self, manager: Manager, told: Callable[[Event], None]) -> None:
        self._manager = manager
        self._told = told
        self._owner = ""
        self._rows: dict[str, Row] = {}
        self._daemon = Daemon("", converged=False, paused=False, generation=0)
        self._is_new = False
        """Whether kmodd has come anew, so that all is to be read again."""

    def begin(self) -> Daemon:
        """From here on; how kmodd stands now. Raises NOT_RUNNING."""
        self._manager.client.listen(_RULES, self._take)
        self._read(tell=False)
        return self._daemon

    def wait(self) -> None:
        """Return when something has come; whatever it is, it was told. Raises NO_BUS."""
        self._manager.client.wait()
        if self._is_new:
            try:
                self._read(tell=True)
            except KmoddError as error:
                if error.kind is not ErrorKind.NOT_RUNNING:  # gone again: that is told, too
                    raise

    def _read(self, *, tell: bool) -> None:
        """Begin anew with all there is: what comes before an answer is older than it."""
        self._is_new = False
        target = (names.BUS, names.BUS_PATH, names.BUS, "GetNameOwner")
        (self._owner,) = self._manager.client.call(target, "s", (names.SERVICE,), answer="s")
        overview = self._manager.overview()
        self._daemon = Daemon(overview.state, overview.converged, overview.paused, overview.generation)
        if tell:
            self._told(self._daemon)
        rows = self._manager.modules()
        known, self._rows = self._rows, {row.name: row for row in rows}
        for row in rows if tell else ():
            if known.get(row.name) != row:
                self._told(row)

    def _take(self, message: Message) -> None:
        """A signal, if it is kmodd's or the bus's; anybody can send one."""
        signal = (message.interface, message.member, message.signature)
        if (
            message.sender == names.BUS
            and message.member == "NameOwnerChanged"
            and message.signature == "sss"
        ):
            self._owner_changed(*decode_body(message))
        elif message.sender != self._owner:
            return
        elif signal == (names.PROPERTIES, "PropertiesChanged", "sa{sv}as"):
            self._changed(message.path, *decode_body(message)[:2])
        elif signal == (names.OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}"):
            path, interfaces = decode_body(message)
            for interface, values in interfaces.items():
                self._changed(path, interface, values)
        elif signal == (names.OBJECT_MANAGER, "InterfacesRemoved", "oas"):
            self._removed(decode_body(message)[0])
        elif signal == (names.MANAGER_INTERFACE, "ReconcileFinished", "a(sss)"):
            for row in decode_body(message)[0]:
                self._told(OutcomeRow(*row))

    def _owner_changed(self, name: str, _before: str, owner: str) -> None:
        if name != names.SERVICE:
            return
        self._owner, self._is_new = "", bool(owner)
        if not owner:
            self._daemon = self._daemon._replace(state=GONE, converged=False)
            self._told(self._daemon)

    def _changed(self, path: str, interface: str, values: Mapping[str, Any]) -> None:
        if interface == names.MANAGER_INTERFACE:
            daemon = self._daemon._replace(**known(values, _DAEMON))
            if daemon != self._daemon:
                self._daemon = daemon
                self._told(daemon)
        elif interface == names.MODULE_INTERFACE:
            name = path.rpartition("/")[2]
            before = self._rows.get(name)
            row = (before or Row(name, "", "", "", ""))._replace(**known(values, _ROW))
            if row != before:
                self._rows[name] = row
                self._told(row)

    def _removed(self, path: str) -> None:
        row = self._rows.pop(path.rpartition("/")[2], None)
        if row is not None:
            message = "no file names it any more"
            self._told(row._replace(desired="", condition=Condition.NOT_MANAGED, message=message))
