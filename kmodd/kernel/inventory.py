"""What the module tree and modprobe.d know of modules, as rows for the daemon.

Imported by the loader: nothing heavy in here.
"""

import os
from collections.abc import Collection, Iterable
from typing import Final

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.libkmod import Context, Library, Module
from kmodd.kernel.wire import ModuleRow, Places
from kmodd.names import is_module_name, is_parameter_name

# A module file says these, so they are bounded: the kernel's own modules stay far below.
_TYPES_LIMIT: Final = 1024
_TYPE_LENGTH: Final = 64
_TEXT_LENGTH: Final = 256
_SOFTDEPS_LIMIT: Final = 256


def look_up(
    library: Library, places: Places, names: Iterable[str], with_modinfo: Collection[str]
) -> list[ModuleRow]:
    """One row for each name, in order; files are read for ``with_modinfo`` only. Raises NO_MODULE_TREE."""
    with Context(library, places.module_tree, places.modprobe_dirs) as context:
        _load_indexes(context, places.module_tree or f"/lib/modules/{os.uname().release}")
        blacklist = context.blacklist()
        rows = []
        for name in names:
            row = _describe(context, name, name in with_modinfo)
            row["blacklisted"] = name in blacklist
            rows.append(row)
        return rows


def _load_indexes(context: Context, tree: str) -> None:
    try:
        context.load_indexes()
    except OSError:
        if os.path.isdir(tree):
            message, hint = f"the module indexes in {tree} cannot be used", "run depmod"
        else:
            message = f"the running kernel has no module tree: {tree} does not exist"
            hint = "install the modules of this kernel, or reboot into the kernel that is installed"
        raise KmoddError(ErrorKind.NO_MODULE_TREE, message, hint) from None


def _describe(context: Context, name: str, with_modinfo: bool) -> ModuleRow:
    """The row of one module; of a name that no module has, what it is an alias of."""
    row = _empty_row(name)
    with context.module(name) as module:
        row["path"] = module.path if os.path.exists(module.path) else ""
        row["builtin"] = not row["path"] and module.is_builtin
        row["options"] = module.options
        row["install_command"] = module.install_command
        row["remove_command"] = module.remove_command
        if not row["path"] and not row["builtin"]:
            row["alias_of"] = _module_names(context.resolve(name))
            return row
        row["dependencies"] = _module_names(module.dependencies())
        before, after = module.softdeps()
        row["softdeps_before"] = _module_names(before)[:_SOFTDEPS_LIMIT]
        row["softdeps_after"] = _module_names(after)[:_SOFTDEPS_LIMIT]
        if with_modinfo:
            _add_modinfo(row, module)
    return row


def _add_modinfo(row: ModuleRow, module: Module) -> None:
    """Fill in what only the module file says; leave ``has_modinfo`` false if it cannot be read."""
    try:
        pairs = module.info()
    except OSError:
        return
    texts = {key: value[:_TEXT_LENGTH] for key, value in reversed(pairs)}
    row["has_modinfo"] = True
    row["parameter_types"] = _parameter_types(value for key, value in pairs if key == "parmtype")
    row["version"] = texts.get("version", "")
    row["srcversion"] = texts.get("srcversion", "")
    row["vermagic"] = texts.get("vermagic", "").strip()
    row["signer"] = texts.get("signer", "")


def _parameter_types(values: Iterable[str]) -> list[tuple[str, str]]:
    """``NAME:TYPE`` (include/linux/moduleparam.h) taken apart."""
    pairs = (value.partition(":") for value in values)
    types = [(name, kind[:_TYPE_LENGTH]) for name, _, kind in pairs if is_parameter_name(name)]
    return types[:_TYPES_LIMIT]


def _module_names(names: Iterable[str]) -> list[str]:
    return [name.replace("-", "_") for name in names if is_module_name(name)]


def _empty_row(name: str) -> ModuleRow:
    return ModuleRow(
        name=name,
        path="",
        builtin=False,
        alias_of=[],
        dependencies=[],
        softdeps_before=[],
        softdeps_after=[],
        options="",
        install_command="",
        remove_command="",
        blacklisted=False,
        has_modinfo=False,
        parameter_types=[],
        version="",
        srcversion="",
        vermagic="",
        signer="",
    )
