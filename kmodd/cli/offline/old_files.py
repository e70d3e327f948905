"""What modprobe.d, modules-load.d and the kernel command line say, read as libkmod and systemd do."""

import os
from collections.abc import Iterable, Iterator

from kmodd.cli.offline.target import Target, infos_of, quiet_library
from kmodd.core.modprobe_conf import HEADER
from kmodd.core.old_lines import LOAD, WORD, Known, OldLine
from kmodd.kernel import patterns
from kmodd.kernel.conf_files import DEFAULT_DIRS, ConfFiles, hiding_files, modules_load_files
from kmodd.kernel.libkmod import Context, Library
from kmodd.kernel.modprobe_d import FILE_LIMIT, Line, parse, refuses, softdeps, unread
from kmodd.kernel.reading import read_bounded
from kmodd.names import ModuleName, is_module_name
from kmodd.shown import Location

# modules-load.d(5), and what Debian's kmod read before there was one.
_LOAD_DIRS = tuple(
    f"{directory}/modules-load.d" for directory in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)
_MODULES = "/etc/modules"
_CMDLINE = Location("/proc/cmdline")
_LISTS = ("module_blacklist", "modprobe.blacklist")
_LOADS = "modules_load"


def read(target: Target) -> tuple[tuple[OldLine, ...], Known]:
    """Every line that says something, in libkmod's order, and what the module tree knows of its names.

    Raises NO_LIBKMOD.
    """
    library = quiet_library()
    paths = ConfFiles(target.places, reads_alias_files=library.reads_alias_files).of_others
    lines = [
        *(line for path in paths for line in _modprobe_lines(target, path)),
        *_load_lines(target),
        *_words(target),
    ]
    known = _known(library, target, paths, lines)
    about = [line for line in lines if line.command != WORD or not line.subject or _exists(line, known)]
    return tuple(about), known


def hiding(target: Target) -> tuple[str, ...]:
    """Files of /etc/modprobe.d that hide others: without them those would be in force."""
    return tuple(map(target.shown, hiding_files(map(target.below, DEFAULT_DIRS))))


def _modprobe_lines(target: Target, path: str) -> Iterator[OldLine]:
    """Lines of one file, those that libkmod does not understand among them; none of a file of kmodd's own."""
    raw = read_bounded(path, FILE_LIMIT + 1)
    if raw.startswith(HEADER.encode()):
        return
    file = target.shown(path)
    lines = sorted((*parse(raw, file), *unread(raw, file)), key=lambda line: line.number)
    yield from map(_of_modprobe, lines)


def _of_modprobe(line: Line) -> OldLine:
    argument = _text(line.argument)
    needs = softdeps(line.argument) if line.command == "softdep" else None
    return OldLine(
        Location(line.file, line.number),
        line.command,
        _text(line.subject),
        argument,
        _text(line.text.strip()),
        refuses=line.command == "install" and refuses(argument.replace("\t", " ")),
        before=tuple(map(_text, needs.before)) if needs else (),
        after=tuple(map(_text, needs.after)) if needs else (),
    )


def _load_lines(target: Target) -> Iterator[OldLine]:
    """Names to be loaded at boot; a line is one name, whatever blanks are in it (modules-load.d(5))."""
    paths = list(modules_load_files(map(target.below, _LOAD_DIRS)))
    old = target.below(_MODULES)
    if os.path.isfile(old) and os.path.realpath(old) not in map(os.path.realpath, paths):
        paths.append(old)
    for path in paths:
        raw = read_bounded(path, FILE_LIMIT)
        for number, text in enumerate(map(_text, raw.split(b"\n")), 1):
            name = text.strip()
            if name and name[0] not in "#;":
                yield OldLine(Location(target.shown(path), number), LOAD, name, text=name)


def _words(target: Target) -> Iterator[OldLine]:
    """Words of the kernel command line that may be about modules."""
    for word in target.command_line():
        key, equals, value = word.partition("=")
        name = key.replace("-", "_")
        module, dot, parameter = key.partition(".")
        if name in _LISTS:
            yield OldLine(_CMDLINE, WORD, text=word)
        elif name == _LOADS:
            yield from (OldLine(_CMDLINE, LOAD, each, text=each) for each in value.split(",") if each)
        elif dot and equals and is_module_name(module):
            yield OldLine(_CMDLINE, WORD, module.replace("-", "_"), f"{parameter}={value}", word)


def _exists(line: OldLine, known: Known) -> bool:
    info = known.infos.get(ModuleName(line.subject))
    return info is not None and info.exists


def _known(library: Library, target: Target, paths: tuple[str, ...], lines: Iterable[OldLine]) -> Known:
    if not target.release:
        return Known(_matches, has_tree=False)
    subjects = {line.subject: None for line in lines if is_module_name(line.subject)}
    names = {*subjects, *(name.replace("-", "_") for line in lines for name in line.before)}
    canonical = sorted({name.replace("-", "_") for name in names if is_module_name(name)})
    with_parameters = {line.subject for line in lines if line.command in ("options", WORD)}
    loads: dict[str, tuple[ModuleName, ...]] = {}
    with Context(library, target.tree, paths) as context:
        for name in dict.fromkeys(line.subject for line in lines if line.command in (LOAD, "options")):
            loads[name] = _loads(context, name)
    more = {name for found in loads.values() for name in found}
    softdep_lines = parse(read_bounded(f"{target.tree}/modules.softdep", FILE_LIMIT + 1), "")
    return Known(
        _matches,
        infos_of(target, sorted({*canonical, *more}), with_parameters),
        loads,
        frozenset(_text(line.subject) for line in softdep_lines if line.command == "softdep"),
    )


def _loads(context: Context, name: str) -> tuple[ModuleName, ...]:
    """What systemd-modules-load would load for a name; nothing for one that libkmod refuses."""
    try:
        found = context.resolve(name)
    except (OSError, ValueError):  # a NUL in the name
        return ()
    return tuple(ModuleName(each.replace("-", "_")) for each in found if is_module_name(each))


def _matches(pattern: str, name: str) -> bool:
    return patterns.matches(_bytes(pattern), _bytes(name))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
