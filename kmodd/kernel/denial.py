"""Proof that a denied module is kept out: libkmod is asked what it would do, by every name there is for it.

modprobe, udev and the kernel (request_module() runs modprobe) all load through libkmod, so a dry run of
libkmod with all of modprobe.d, kmodd's own file included, is what they would do. An ``install`` line keeps a
module out only while the module has no softdeps, and of ``install`` and ``softdep`` the first line counts
(libkmod-module.c, __kmod_module_fill_softdep()); so somebody else's file can open what kmodd has closed.

Imported by the loader: nothing heavy in here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from kmodd.kernel import patterns
from kmodd.kernel.conf_files import ConfFiles, line_row, read_lines
from kmodd.kernel.inventory import ALIASES_LIMIT, aliases, load_indexes, module_tree
from kmodd.kernel.kallsyms import init_functions
from kmodd.kernel.libkmod import (
    BLACKLIST_STOPS_ALIASES,
    BLACKLIST_STOPS_ALL,
    Action,
    Context,
    Library,
    Module,
    text,
)
from kmodd.kernel.modprobe_d import Line, Lines, refuses, softdeps
from kmodd.kernel.wire import LineRow, Places, ProofRow, RestraintRow
from kmodd.named_tuple import NamedTuple

_WAYS_LIMIT: Final = 64
_CULPRITS_LIMIT: Final = 64
_WAY_LENGTH: Final = 400
# What inserts a module in spite of its install line.
_BY_FORCE = re.compile(rb"(?<![\w-])(?:insmod|--ignore-install|-[A-Za-z]*i[A-Za-z]*)(?![\w-])")
# Whose way of asking it is. Who stops for a blacklist differs; with udev's flags nothing is inserted that
# modprobe would not insert.
_CALLERS: Final = (("modprobe", BLACKLIST_STOPS_ALIASES), ("udev", BLACKLIST_STOPS_ALL))


class _Surroundings(NamedTuple):
    """What all proofs of one request have in common."""

    context: Context
    files: ConfFiles
    lines: Lines


def restrain(
    library: Library, places: Places, denied: Iterable[str], rendered: Iterable[str]
) -> RestraintRow:
    """Proofs for ``denied`` and options for ``rendered``, with modprobe.d as it is. Raises NO_MODULE_TREE."""
    files = ConfFiles(places, reads_alias_files=library.reads_alias_files)
    names = list(denied)
    return RestraintRow(
        proofs=_proofs(library, places, files, names) if names else [],
        options=rendered_options(library, places, rendered),
    )


def _proofs(library: Library, places: Places, files: ConfFiles, denied: Iterable[str]) -> list[ProofRow]:
    tree = module_tree(places)
    with Context(library, places.module_tree, files.all) as context:
        load_indexes(context, tree)
        # libkmod reads this file of the tree among the others, at the place that its name gives it.
        lines = read_lines(files.all_and(f"{tree}/modules.softdep"))
        around = _Surroundings(context, files, lines)
        rows = [_proof(around, name) for name in denied]
    functions = init_functions(places.proc, [row["module"] for row in rows if not row["checked"]])
    for row in rows:
        row["init_functions"] = functions.get(row["module"], [])
    return rows


def _proof(around: _Surroundings, name: str) -> ProofRow:
    """The row of one module; of a builtin, which is in whatever modprobe.d says, nothing is checked."""
    row = ProofRow(module=name, checked=0, open_ways=[], culprits=[], init_functions=[])
    with around.context.module(name) as module:
        if module.is_builtin and not module.path:
            return row
        own = _own_aliases(module)
    about = around.lines.about(name)
    given = (text(line.subject) for line in about if line.command == "alias")
    asked = list(dict.fromkeys((name, *given, *own)))[: ALIASES_LIMIT + 1]
    ways = {alias: way for alias in asked if (way := _way(around.context, name, alias))}
    commands = _forceful_commands(around.lines, about, name)
    shown = [*ways.values(), *(_command_way(text(line.subject), text(line.argument)) for line in commands)]
    row["checked"] = len(asked)
    row["open_ways"] = [way[:_WAY_LENGTH] for way in shown[:_WAYS_LIMIT]]
    if shown:
        row["culprits"] = _culprits(around.files, [*_openers(around.files, about, ways), *commands])
    return row


def _own_aliases(module: Module) -> list[str]:
    try:
        return aliases(module.info())
    except OSError:
        return []


def _way(context: Context, name: str, alias: str) -> str:
    """Who would have ``name`` inserted by asking for ``alias``, for a person to read; "" for nobody."""
    callers, commands = [], []
    for caller, flags in _CALLERS:
        try:
            actions = context.rehearse(patterns.concrete(alias), flags)
        except OSError:
            return ""  # libkmod refuses such a name, and with it everybody who asks libkmod
        mine = [action for action in actions if action.name == name]
        if any(action.path and not action.runs_command for action in mine):
            callers.append(caller)
        commands += [action.command for action in mine if _is_no_refusal(action)]
    if commands:
        return _command_way(alias, commands[0])
    if not callers or len(callers) == len(_CALLERS):
        return alias if callers else ""
    return f"{alias} (by {callers[0]} only)"


def _is_no_refusal(action: Action) -> bool:
    return action.runs_command and not refuses(action.command)


def _command_way(alias: str, command: str) -> str:
    return f"{alias} (install command: {command.strip()})"


def _forceful_commands(lines: Lines, about: Collection[Line], name: str) -> list[Line]:
    """Install commands of other modules that insert ``name`` past its own install line."""
    spelled = re.compile(rf"(?<![\w-]){name.replace('_', '[-_]')}(?![\w-])".encode("ascii"))
    return [
        line
        for line in lines.all
        if line.command == "install"
        and spelled.search(line.argument)
        and _BY_FORCE.search(line.argument)
        and line not in about
    ]


def _openers(files: ConfFiles, about: Collection[Line], open_aliases: Collection[str]) -> Iterator[Line]:
    """Lines that make a way open: those that win over kmodd's, and the aliases by which one goes in."""
    first: dict[str, Line] = {}
    for line in about:
        first.setdefault(line.command, line)
    softdep, install = first.get("softdep"), first.get("install")
    if softdep is not None and any(softdeps(softdep.argument)) and not files.is_generated(softdep.file):
        yield softdep
    if install is not None and not refuses(text(install.argument.replace(b"\t", b" "))):
        yield install
    yield from (line for line in about if line.command == "alias" and text(line.subject) in open_aliases)


def _culprits(files: ConfFiles, lines: Iterable[Line]) -> list[LineRow]:
    """Rows for ``lines``, and for the file that keeps kmodd's from being read at all."""
    rows = [line_row(line) for line in lines][:_CULPRITS_LIMIT]
    hiding = files.hiding()
    if hiding:
        file = text(os.fsencode(hiding))
        rows.insert(0, LineRow(file=file, line=0, text=f"hides {text(os.fsencode(files.generated))}"))
    return rows


def rendered_options(library: Library, places: Places, names: Iterable[str]) -> dict[str, str]:
    """Options that kmodd's own file alone gives to each of ``names``.

    libkmod puts those of the kernel command line behind them; what a context without files says is these.
    """
    paths = (places.modprobe_file,) if os.path.isfile(places.modprobe_file) else ()
    with (
        Context(library, places.module_tree, paths) as ours,
        Context(library, places.module_tree, ()) as bare,
    ):
        whole = {name: _options(ours, name).removesuffix(_options(bare, name)) for name in names}
        return {name: options.removeprefix(" ") for name, options in whole.items()}


def _options(context: Context, name: str) -> str:
    """Options of a module, with a blank before them."""
    with context.module(name) as module:
        return f" {module.options}" if module.options else ""
