"""Every managed module with all its properties, for commands that show them beside each other."""

from kmodd.cli.bus.manager import Manager
from kmodd.errors import ErrorKind, KmoddError
from kmodd.names import ModuleName
from kmodd.shown import ModuleStatus


def all_modules(manager: Manager) -> tuple[ModuleStatus, ...]:
    """In order of name; one that has gone meanwhile is left out."""
    found = []
    for row in manager.modules():
        try:
            found.append(manager.module(ModuleName(row.name)))
        except KmoddError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
    return tuple(found)
