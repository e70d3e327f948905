"""Which symbols a module's file needs, who exports them, and which it exports itself.

Imported by the loader: nothing heavy in here.
"""

import os
from collections.abc import Iterable
from typing import Final

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.inventory import load_indexes, module_tree
from kmodd.kernel.libkmod import Context, Library, Module
from kmodd.kernel.wire import Places, SymbolsRow
from kmodd.names import is_module_name

_SYMBOLS_LIMIT: Final = 8192  # the kernel's own modules stay below 2000
_NAME_LENGTH: Final = 256


def symbols_of(library: Library, places: Places, name: str) -> SymbolsRow:
    """Symbols of the file of ``name``. Raises NOT_FOUND, NO_MODULE_TREE, FAILED for a damaged file.

    Nothing of modprobe.d is read: an alias in there is nothing to the kernel when it looks for a symbol.
    """
    with Context(library, places.module_tree, ()) as context:
        load_indexes(context, module_tree(places))
        with context.module(name) as module:
            _expect_file(module, name)
            needed = _bounded(_needed(module))
            exported = _bounded(_exported(module))
        return SymbolsRow(
            needed=[(symbol, _exporter(context, symbol)) for symbol in needed], exported=exported
        )


def _expect_file(module: Module, name: str) -> None:
    if os.path.exists(module.path):
        return
    if module.is_builtin:
        message, hint = f"{name} is part of the kernel and has no file of its own", ""
    else:
        message, hint = f"the running kernel has no module {name}", "run depmod if it was installed by hand"
    raise KmoddError(ErrorKind.NOT_FOUND, message, hint)


def _needed(module: Module) -> tuple[str, ...]:
    try:
        return module.needed_symbols()
    except OSError as error:
        message = f"the symbols of {module.path} cannot be read: {os.strerror(error.errno or 0)}"
        raise KmoddError(ErrorKind.FAILED, message, "install the module anew") from error


def _exported(module: Module) -> tuple[str, ...]:
    """libkmod takes a file that exports nothing for an error."""
    try:
        return module.symbols()
    except OSError:
        return ()


def _exporter(context: Context, symbol: str) -> str:
    """The module that exports ``symbol`` (modules.symbols); "" for the kernel itself, or for nobody."""
    try:
        names = context.resolve(f"symbol:{symbol}")
    except OSError:
        return ""
    return next((name.replace("-", "_") for name in names if is_module_name(name)), "")


def _bounded(symbols: Iterable[str]) -> list[str]:
    return [symbol[:_NAME_LENGTH] for symbol in list(dict.fromkeys(symbols))[:_SYMBOLS_LIMIT]]
