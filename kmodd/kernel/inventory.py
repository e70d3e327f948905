"""What the module tree and modprobe.d know of modules, as rows for the daemon.

Imported by the loader: nothing heavy in here.
"""

import os
from collections.abc import Collection, Iterable
from typing import Final

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.conf_files import ConfFiles, line_row, read_lines
from kmodd.kernel.libkmod import Context, Library, Module
from kmodd.kernel.modprobe_d import Lines
from kmodd.kernel.similar import SimilarNames
from kmodd.kernel.wire import LineRow, ModuleRow, Places
from kmodd.names import is_module_name, is_parameter_name

# A module file says these, so they are bounded: the kernel's own modules stay far below.
_TYPES_LIMIT: Final = 1024
_TYPE_LENGTH: Final = 64
_TEXT_LENGTH: Final = 256
_SOFTDEPS_LIMIT: Final = 256
ALIASES_LIMIT: Final = 4096
_ALIAS_LENGTH: Final = 1024
_LINES_LIMIT: Final = 64


def module_tree(places: Places) -> str:
    """What libkmod takes for /lib/modules/RELEASE."""
    return places.module_tree or f"/lib/modules/{os.uname().release}"


def look_up(
    library: Library, places: Places, names: Iterable[str], with_modinfo: Collection[str]
) -> list[ModuleRow]:
    """One row for each name, in order; files are read for ``with_modinfo`` only. Raises NO_MODULE_TREE.

    Of modprobe.d everything counts but the file that kmodd generates.
    """
    tree = module_tree(places)
    paths = ConfFiles(places, reads_alias_files=library.reads_alias_files).of_others
    with Context(library, places.module_tree, paths) as context:
        load_indexes(context, tree)
        blacklist, lines, similar = context.blacklist(), read_lines(paths), SimilarNames(tree)
        rows = []
        for name in names:
            row = _describe(context, name, name in with_modinfo)
            row["blacklisted"] = name in blacklist
            row["conf_lines"] = _lines_about(lines, name)
            if not (row["path"] or row["builtin"] or row["alias_of"]):
                row["similar"] = similar.to(name)
            rows.append(row)
        return rows


def _lines_about(lines: Lines, name: str) -> list[LineRow]:
    return [line_row(line) for line in lines.about(name)[:_LINES_LIMIT]]


def load_indexes(context: Context, tree: str) -> None:
    """Make the context ready for many lookups. Raises NO_MODULE_TREE."""
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
    row["parameter_types"] = _parameter_types(pairs)
    row["version"] = texts.get("version", "")
    row["srcversion"] = texts.get("srcversion", "")
    row["vermagic"] = texts.get("vermagic", "").strip()
    row["signer"] = texts.get("signer", "")
    row["aliases"] = aliases(pairs)


def _parameter_types(pairs: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """``parmtype=NAME:TYPE`` taken apart, then what has only a ``parm=NAME:TEXT``, with "" for its type.

    include/linux/moduleparam.h: module_param_cb() gives a parameter a setter of its own and no type.
    """
    types: dict[str, str] = {}
    for wanted in ("parmtype", "parm"):
        for value in (value for key, value in pairs if key == wanted):
            name, _, kind = value.partition(":")
            types.setdefault(name, kind[:_TYPE_LENGTH] if wanted == "parmtype" else "")
    return [(name, kind) for name, kind in types.items() if is_parameter_name(name)][:_TYPES_LIMIT]


def aliases(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Patterns that the module itself says it serves."""
    return [value[:_ALIAS_LENGTH] for key, value in pairs if key == "alias"][:ALIASES_LIMIT]


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
        aliases=[],
        similar=[],
        conf_lines=[],
    )
