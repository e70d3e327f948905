"""Statuses, each made anew only where something that it is made from is another than at the last pass."""

from collections.abc import Mapping

from kmodd.core.status import Grounds, module_status
from kmodd.names import ModuleName
from kmodd.shown import ModuleStatus


class KeptStatuses:
    """Those of the last pass, with their grounds. What is the same stays the very same object."""

    def __init__(self) -> None:
        self._kept: dict[ModuleName, tuple[Grounds, ModuleStatus]] = {}

    def of(self, found: Mapping[ModuleName, Grounds]) -> dict[ModuleName, ModuleStatus]:
        """The status that each of ``found`` comes to."""
        before, self._kept = self._kept, {}
        for name, each in found.items():
            known = before.get(name)
            if known is None or known[0] != each:
                known = each, module_status(each)
            self._kept[name] = known
        return {name: status for name, (_, status) in self._kept.items()}
