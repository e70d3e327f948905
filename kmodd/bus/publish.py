"""Keeps the objects on the bus as the manager says: what it is told is only "look", it compares by itself."""

from collections.abc import Iterable, Mapping

from kmodd.bus import names
from kmodd.bus.interfaces import MANAGER, MODULE, Bound, Manager, outcome_rows
from kmodd.bus.listing import Listing
from kmodd.bus.service import Service
from kmodd.names import ModuleName
from kmodd.shown import ModuleStatus, OutcomeRow


def bind_manager(service: Service, manager: Manager) -> "Publisher":
    """Export the manager and every module it has, and return what keeps them up to date."""
    return Publisher(service, manager)


class Publisher:
    """What is on the bus of one manager; one for each connection."""

    def __init__(self, service: Service, manager: Manager) -> None:
        self._service = service
        self._manager = manager
        self._modules: Mapping[ModuleName, ModuleStatus] = {}
        service.export(names.MANAGER_PATH, MANAGER, Bound(manager, self.publish, Listing()))
        self._shown = service.snapshot(names.MANAGER_PATH, MANAGER)
        self.publish()

    def publish(self) -> None:
        """Announce what differs from the last time: objects added and removed, properties changed."""
        self._publish_modules(dict(self._manager.modules()))
        now = self._service.snapshot(names.MANAGER_PATH, MANAGER)
        self._service.announce(names.MANAGER_PATH, MANAGER, self._shown, now)
        self._shown = now

    def finished(self, rows: Iterable[OutcomeRow]) -> None:
        """Emit ReconcileFinished, for a pass that did anything."""
        wire_rows = outcome_rows(rows)
        if wire_rows:
            self._service.emit(names.MANAGER_PATH, MANAGER, "ReconcileFinished", (wire_rows,))

    def _publish_modules(self, current: Mapping[ModuleName, ModuleStatus]) -> None:
        previous, self._modules = self._modules, current
        for name in previous.keys() - current.keys():
            self._service.unexport(names.module_path(name))
        for name, status in current.items():
            before = previous.get(name)
            if before is None:
                self._service.export(names.module_path(name), MODULE, status, frozen=True)
            elif before is not status and before != status:
                self._service.update(names.module_path(name), MODULE, status)
