"""``kmoddctl load``, ``deny``, ``set`` and ``clear``: what a person wants of a module, without an editor.

For this boot that is an override of the bus; to last, it is a file (own_file.py).
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from kmodd.cli.bus.manager import Manager, ask
from kmodd.cli.change import places
from kmodd.cli.change.control import came_of_it, show_row
from kmodd.cli.change.own_file import OwnFiles, Table
from kmodd.cli.terminal.output import Options, Output
from kmodd.cli.terminal.tones import in_order
from kmodd.config.paths import override_name
from kmodd.core.plain_number import typed
from kmodd.errors import ErrorKind, KmoddError
from kmodd.names import ModuleName, is_parameter_name, module_name, printable
from kmodd.shown import Condition

_LEFT_TO_OTHERS: Final = {"state": "auto"}
_LOADED = (Condition.IN_SYNC, Condition.BUILTIN)


def load(options: Options, output: Output) -> int:
    """Want a module in the kernel."""
    return _want(options, output, {"state": "loaded"}, lambda condition: condition in _LOADED)


def deny(options: Options, output: Output) -> int:
    """Want a module out of the kernel, and nobody able to load it."""
    return _want(options, output, {"state": "denied"}, lambda condition: condition == Condition.DENIED)


def set_parameters(options: Options, output: Output) -> int:
    """Want parameters of a module; whether it is loaded is left as it was."""
    return _want(options, output, {"parameters": assigned(options.assignments)}, in_order)


def clear(options: Options, output: Output) -> int:
    """Take away what these commands have set. Raises NOT_FOUND where there is nothing."""
    name = module_name(options.module)
    files = OwnFiles(places.CONFIG)
    with ask() as manager:
        lasts = files.lasting(name) is not None
        if lasts:
            manager.ping()
            with files.alone():
                files.remove(name)
        is_override = _clear_override(manager, name)
        if not (lasts or is_override):
            message = f"kmoddctl has set nothing for module {name}"
            raise KmoddError(
                ErrorKind.NOT_FOUND, message, "kmoddctl explain shows what is declared, and where"
            )
        if lasts:
            _reload(manager)
        row = came_of_it(manager, name)
    return show_row(row, output, as_asked=in_order(row.condition))


def assigned(words: Iterable[str]) -> Table:
    """Parameters of ``NAME=VALUE`` words; the value is the text that the kernel gets.

    A plain number becomes one, because that is how a person would write it. Raises INVALID_ARGUMENT.
    """
    table: Table = {}
    for word in words:
        parameter, equals, value = word.partition("=")
        if not (equals and is_parameter_name(parameter)):
            raise KmoddError(
                ErrorKind.INVALID_ARGUMENT,
                f"{printable(word[:80])!r} sets no parameter",
                "write PARAM=VALUE; kmoddctl status MODULE and modinfo -p show which there are",
            )
        table[parameter.replace("-", "_")] = typed(value)
    return table


def merged(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> Table:
    """``before`` with what is wanted now; parameters are merged by name."""
    parameters = {**before.get("parameters", {}), **wanted.get("parameters", {})}
    return {**before, **wanted, **({"parameters": parameters} if parameters else {})}


def without(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> Table:
    """What is left of ``before`` where ``wanted`` has nothing to say."""
    said = wanted.get("parameters", {})
    left = {key: value for key, value in before.items() if key not in wanted}
    parameters = {key: value for key, value in before.get("parameters", {}).items() if key not in said}
    return {**left, "parameters": parameters} if parameters else left


def _want(options: Options, output: Output, wanted: Table, is_as_asked: Callable[[str], bool]) -> int:
    name = module_name(options.module)
    files = OwnFiles(places.CONFIG)
    with ask() as manager:
        if options.persistent:
            manager.ping()  # a file that nobody puts in force would be half of what was asked
            with files.alone():
                _make_last(manager, files, name, wanted)
        else:
            before = files.override(name)
            is_declared = bool(before) or _is_declared(manager, name)
            manager.set_override(name, merged(before, _kept_as_it_is(wanted, is_declared=is_declared)))
        row = came_of_it(manager, name)
    return show_row(row, output, as_asked=is_as_asked(row.condition))


def _make_last(manager: Manager, files: OwnFiles, name: ModuleName, wanted: Table) -> None:
    """Have it said by a file that the compiler has nothing against, and by no override otherwise."""
    # The compiler's parts, which take longer to import than asking.
    from kmodd.cli.change.judge import Candidate, declared_without, refuse_wrong  # noqa: PLC0415

    before, path = files.lasting(name), files.path(name)
    of_this_boot = files.override(name)
    if before is None:
        own = frozenset((path.name, override_name(name)))
        is_declared = name in declared_without(own, places.CONFIG)
        table = _kept_as_it_is(wanted, is_declared=is_declared)
    else:
        table = merged(before, wanted)
    text = files.text(name, table)
    refuse_wrong({path.name: Candidate(str(path), text.encode())}, places.CONFIG)
    files.write(name, text)
    try:
        _reload(manager, of=str(path))
        _let_it_count(manager, name, of_this_boot, wanted)
    except KmoddError as error:
        if error.kind in (ErrorKind.INVALID_CONFIG, ErrorKind.NOT_AUTHORIZED):
            _put_back(manager, files, name, before)
        raise


def _let_it_count(manager: Manager, name: ModuleName, of_this_boot: Table, wanted: Table) -> None:
    """An override would outweigh the file: it keeps only what it says of something else."""
    left = without(of_this_boot, wanted)
    if left in ({}, _LEFT_TO_OTHERS):
        _clear_override(manager, name)
    elif left != of_this_boot:
        manager.set_override(name, left)


def _put_back(manager: Manager, files: OwnFiles, name: ModuleName, before: Table | None) -> None:
    """What was refused has changed nothing."""
    if before is None:
        files.remove(name)
    else:
        files.write(name, files.text(name, before))
    with suppress(
        KmoddError
    ):  # kmodd sees by itself that files change; the error that led here is the one to say
        manager.reload()


def _kept_as_it_is(wanted: Table, *, is_declared: bool) -> Table:
    """Parameters of a module that nothing else declares do not have it loaded."""
    return wanted if "state" in wanted or is_declared else {**_LEFT_TO_OTHERS, **wanted}


def _is_declared(manager: Manager, name: ModuleName) -> bool:
    """Whether a file names the module."""
    try:
        return any(source.key == "state" for source in manager.explain(name))
    except KmoddError as error:
        if error.kind is ErrorKind.NOT_FOUND:
            return False
        raise


def _clear_override(manager: Manager, name: ModuleName) -> bool:
    """Whether there was an override; there is none any more."""
    try:
        manager.clear_override(name)
    except KmoddError as error:
        if error.kind is ErrorKind.NOT_FOUND:
            return False
        raise
    return True


def _reload(manager: Manager, of: str = "") -> None:
    """Have the files compiled; errors in other files than ``of`` are theirs. Raises INVALID_CONFIG."""
    try:
        manager.reload()
    except KmoddError as error:
        if error.kind is not ErrorKind.INVALID_CONFIG or (of and f"{of}:" in error.message):
            raise
