"""What every child of the loader can use: libkmod, where things are, and the checks of what it was sent.

Imported by the loader: nothing heavy in here.
"""

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.libkmod import Library
from kmodd.kernel.wire import Places
from kmodd.names import ModuleName, is_module_name, is_parameter_name, printable


class Tools:
    """What the server has ready for its children."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._library: Library | None = None

    def library(self) -> Library:
        """libkmod, opened at the first call that succeeds. Raises NO_LIBKMOD."""
        if self._library is None:
            self._library = Library()
        return self._library

    def prepare(self) -> None:
        """Open libkmod before the fork where that is possible; if not, each child tries again and says so."""
        try:
            self.library()
        except KmoddError:
            return


def checked_name(name: str) -> ModuleName:
    """``name``, which is going to be part of a path and of a system call."""
    if not is_module_name(name):
        raise KmoddError(ErrorKind.INVALID_ARGUMENT, f"{printable(name[:80])!r} is not a module name")
    return ModuleName(name)


def checked_parameter(name: str) -> str:
    if not is_parameter_name(name):
        raise KmoddError(ErrorKind.INVALID_ARGUMENT, f"{printable(name[:80])!r} is not a parameter name")
    return name
