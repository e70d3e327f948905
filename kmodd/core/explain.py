"""Provenance: which file and line gave a value, what it replaced, and who else has a say in the module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kmodd.core.parameters import same_name, split_options
from kmodd.model import ConfLine, Declaration, ModuleInfo
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import REPLACED, Location, Source

MODPROBE = "modprobe.d "
"""Before the command of modprobe.d(5) in the key of a row."""
COMMAND_LINE = "command line"
INSTALL = f"{MODPROBE}install"
_OPTIONS = f"{MODPROBE}options"
_PARAMETERS = "parameters"
_PROC = Location("/proc/cmdline")
# Words with a list of modules: of the kernel (kernel/module/main.c), modprobe(8) and kmodd(8).
_LISTS = ("module_blacklist", "modprobe.blacklist", "kmodd.skip")


class Setting(NamedTuple):
    """A parameter that somebody else sets; ``said`` is the row that does, ``value`` is without quotes."""

    parameter: str
    value: str
    said: Source


def provenance(
    declaration: Declaration | None, info: ModuleInfo, command_line: Iterable[str]
) -> tuple[Source, ...]:
    """Rows of Explain(): values in force, each before what it replaced, newest first; then others' say."""
    declared = _declared(declaration) if declaration else ()
    return (*declared, *said_elsewhere(info, command_line))


def mentioned(command_line: Iterable[str]) -> frozenset[str]:
    """Modules that the kernel's command line has something to say about; for who asks for many of them."""
    names: set[str] = set()
    for word in command_line:
        key, _, value = word.partition("=")
        if key in _LISTS:
            names.update(map(same_name, value.split(",")))
        names.add(same_name(key.partition(".")[0]))
    return frozenset(names)


def said_elsewhere(info: ModuleInfo, command_line: Iterable[str]) -> tuple[Source, ...]:
    """Lines of modprobe.d that are not kmodd's, and words of the kernel's command line, about one module."""
    return (
        *(_of_line(line) for line in info.conf_lines),
        *(Source(COMMAND_LINE, word, _PROC) for word in command_line if _concerns(word, info.name)),
    )


def settings(rows: Iterable[Source]) -> Iterator[Setting]:
    """What rows of ``said_elsewhere`` set, in their order: of one parameter the last counts."""
    for row in rows:
        for word in _assignments(row):
            name, equals, value = word.strip('"').partition("=")
            # A word without a value is true to a bool (kernel/params.c, param_set_bool).
            yield Setting(same_name(name), value.removeprefix('"') if equals else "1", row)


def of_key(rows: Iterable[Source], key: str) -> tuple[Source, ...]:
    """Rows about ``key``, or about the keys of the table that it is; '-' and '_' are one letter in both."""
    rows = tuple(rows)
    wanted = same_name(key)
    setting = {each.said for each in settings(rows) if _within(f"{_PARAMETERS}.{each.parameter}", wanted)}
    return tuple(
        row for row in rows if row in setting or _within(same_name(row.key.removeprefix(REPLACED)), wanted)
    )


def _declared(declaration: Declaration) -> Iterator[Source]:
    replaced: dict[str, list[Source]] = {}
    for source in reversed(declaration.replaced):
        replaced.setdefault(source.key, []).append(source._replace(key=f"{REPLACED}{source.key}"))
    for source in declaration.sources:
        yield source
        yield from replaced.get(source.key, ())


def _of_line(line: ConfLine) -> Source:
    command, *rest = line.text.split(maxsplit=1)
    return Source(f"{MODPROBE}{command}", "".join(rest), line.location)


def _concerns(word: str, name: ModuleName) -> bool:
    """Whether a word of the kernel's command line sets a parameter of a module, or keeps it out."""
    key, _, value = word.partition("=")
    if key in _LISTS:
        return name in map(same_name, value.split(","))
    module, dot, _ = key.partition(".")
    return bool(dot) and same_name(module) == name


def _assignments(row: Source) -> list[str]:
    """``name=value`` words of a row: what follows the module's name."""
    if row.key == _OPTIONS:
        return split_options(row.value)[1:]
    if row.key == COMMAND_LINE and row.value.partition("=")[0] not in _LISTS:
        return [row.value.partition(".")[2]]
    return []


def _within(key: str, wanted: str) -> bool:
    return key == wanted or key.startswith(f"{wanted}.")
