"""Files held against a kernel: what is declared and this kernel, its modules or modprobe.d have otherwise."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from kmodd.core.explain import COMMAND_LINE, INSTALL, Setting, mentioned, said_elsewhere, settings
from kmodd.core.parameters import equal, same_name
from kmodd.files import LAST_WORD
from kmodd.model import Declaration, Desired, ModuleInfo, Parameter
from kmodd.names import ModuleName, printable
from kmodd.shown import Issue, Location, Severity, Source

_MAX_LISTED = 10
_LISTS = ("after", "before", "requires", "wants", "conflicts", "replaces")
_PULLS = ("requires", "wants")


class KernelCode(StrEnum):
    """Stable code of what a file says and a kernel does not know or has otherwise (kmodd.d(5))."""

    UNKNOWN_MODULE = "unknown-module"
    ALIAS = "alias"
    UNKNOWN_PARAMETER = "unknown-parameter"
    PARAMETER_TYPE = "parameter-type"
    OVERRIDDEN_ELSEWHERE = "overridden-elsewhere"
    INSTALL_ELSEWHERE = "install-elsewhere"


def kernel_issues(
    declarations: Iterable[Declaration],
    infos: Mapping[ModuleName, ModuleInfo],
    command_line: Sequence[str] = (),
) -> tuple[Issue, ...]:
    """Issues in order of their places; nothing is said of a module that has no entry in ``infos``."""
    issues: list[Issue] = []
    named = mentioned(command_line)
    for declaration in declarations:
        declared = _Declared(declaration)
        info = infos.get(declaration.name)
        if info is not None:
            issues.extend(_of_module(declared, info, command_line if declaration.name in named else ()))
        issues.extend(_of_lists(declared, infos))
    return tuple(sorted(issues, key=lambda issue: issue.location))


class _Declared:
    """A declaration, and where its keys stand."""

    def __init__(self, declaration: Declaration) -> None:
        self.it = declaration
        self.name = declaration.name

    def place(self, key: str = "") -> Location:
        """Where a key stands, else the first line that names the module."""
        source = self._source(key)
        if source is not None:
            return source.location
        return min((source.location for source in self.it.sources), default=Location(""))

    def text(self, parameter: Parameter) -> str:
        """A parameter's value as the file has it."""
        source = self._source(f"parameters.{parameter.name}")
        return source.value if source else f'"{parameter.value}"'

    def _source(self, key: str) -> Source | None:
        """Looked for when there is something to say, which is seldom."""
        return next((source for source in reversed(self.it.sources) if source.key == key), None)

    def path(self, key: str) -> str:
        """A key as messages name it."""
        return f"'module.{self.name}.{key}'"


def _of_module(declared: _Declared, info: ModuleInfo, command_line: Sequence[str]) -> Iterator[Issue]:
    name = declared.name
    if info.alias_of:
        message = f"{name} is not a module but an alias of {joined(info.alias_of)}"
        yield _error(KernelCode.ALIAS, message, _name_instead(info), declared.place())
    elif not info.exists:
        message = f"this kernel has no module {name}"
        yield _warning(KernelCode.UNKNOWN_MODULE, message, _meant(info), declared.place())
    else:
        rows = said_elsewhere(info, command_line)
        yield from _of_parameters(declared, info)
        if declared.it.state in (Desired.LOADED, Desired.AUTO):
            yield from _overridden(declared, info, rows)
            yield from _installed(declared, rows)


def _of_lists(declared: _Declared, infos: Mapping[ModuleName, ModuleInfo]) -> Iterator[Issue]:
    """Names in lists: one that is not there does no harm to an order, one that is an alias means nothing."""
    for key in _LISTS:
        for other in getattr(declared.it, key):
            info = infos.get(other)
            if info is None or info.exists:
                continue
            names = f"{declared.path(key)} names {other}, which"
            if info.alias_of:
                message = f"{names} is not a module but an alias of {joined(info.alias_of)}"
                yield _error(KernelCode.ALIAS, message, _name_instead(info), declared.place(key))
            elif key in _PULLS:
                message = f"{names} this kernel does not have"
                yield _warning(KernelCode.UNKNOWN_MODULE, message, _meant(info), declared.place(key))


def _of_parameters(declared: _Declared, info: ModuleInfo) -> Iterator[Issue]:
    """Parameters that the module does not have, and values that it would refuse."""
    if not info.has_modinfo:
        return
    from kmodd.core.parameter_types import EVERYWHERE, wanted_instead  # noqa: PLC0415  (daemon/later.py)

    types = {same_name(name): kind for name, kind in info.parameter_types}
    for parameter in declared.it.parameters:
        key = f"parameters.{parameter.name}"
        name = same_name(parameter.name)
        if name in types:
            wanted = wanted_instead(types[name], parameter.value)
            if wanted:
                given = declared.text(parameter)[:40]
                message = f"{declared.path(key)} cannot be {given}: its type is {types[name]}"
                yield _warning(KernelCode.PARAMETER_TYPE, message, wanted, declared.place(key))
        elif name not in EVERYWHERE:
            # module_param_call() (include/linux/moduleparam.h) makes parameters that modinfo does not list.
            message = (
                f"{declared.name} lists no parameter {parameter.name} (modinfo), so the kernel may ignore it"
            )
            hint = _nearest(name, [known for known, _ in info.parameter_types])
            yield _warning(KernelCode.UNKNOWN_PARAMETER, message, hint, declared.place(key))


def _overridden(declared: _Declared, info: ModuleInfo, rows: Iterable[Source]) -> Iterator[Issue]:
    """Parameters that somebody else sets to another value; what is set last is what modprobe passes on."""
    types = {same_name(name): kind for name, kind in info.parameter_types}
    others = {setting.parameter: setting for setting in settings(rows)}
    for parameter in declared.it.parameters:
        other = others.get(same_name(parameter.name))
        if other is None or not _has_last_word(other):
            continue
        if equal(types.get(other.parameter, ""), parameter.value, other.value):
            continue
        key = f"parameters.{parameter.name}"
        message = (
            f"{declared.path(key)} is {declared.text(parameter)[:40]}, but {_place_of(other)} sets it to "
            f'"{other.value[:40]}", and that is what modprobe and udev load it with'
        )
        yield _warning(KernelCode.OVERRIDDEN_ELSEWHERE, message, "take it out there", declared.place(key))


def _has_last_word(other: Setting) -> bool:
    """Whether it comes after what kmodd generates, which else outdoes it (core/modprobe_conf.py)."""
    file = other.said.location.file
    return other.said.key == COMMAND_LINE or file.rpartition("/")[2] > LAST_WORD


def _installed(declared: _Declared, rows: Iterable[Source]) -> Iterator[Issue]:
    for row in rows:
        if row.key == INSTALL:
            command = row.value.partition(" ")[2][:40]
            message = (
                f"{row.location} has an install command for {declared.name}, which modprobe and udev run "
                f"in place of a load and kmodd does not: {command}"
            )
            hint = "take the line out, or do not declare the module loaded or auto"
            yield _warning(KernelCode.INSTALL_ELSEWHERE, message, hint, declared.place())


def _place_of(setting: Setting) -> str:
    if setting.said.key == COMMAND_LINE:
        return f"the kernel command line ({setting.said.value[:60]})"
    return str(setting.said.location)


def _name_instead(info: ModuleInfo) -> str:
    return f"name {info.alias_of[0]} instead" if len(info.alias_of) == 1 else "name the one that is meant"


def _meant(info: ModuleInfo) -> str:
    if info.similar:
        return f"did you mean {' or '.join(map(repr, info.similar[:3]))}?"
    return "see how it is spelled, and that it is installed for this kernel"


def _nearest(word: str, known: Sequence[str]) -> str:
    """A hint: the nearest of ``known``, or all of them."""
    # Slow to import, and needed only where something is wrong.
    from difflib import get_close_matches  # noqa: PLC0415

    nearest = get_close_matches(word, known, n=1)
    if nearest:
        return f"did you mean '{nearest[0]}'?"
    return f"known here: {joined(sorted(known))}" if known else "it lists none"


def joined(parts: Sequence[str]) -> str:
    """A list in a sentence; what makes it endless is only counted."""
    more = len(parts) - _MAX_LISTED
    return ", ".join(parts) if more <= 0 else f"{', '.join(parts[:_MAX_LISTED])} and {more} more"


def _error(code: KernelCode, message: str, hint: str, location: Location) -> Issue:
    return Issue(Severity.ERROR, code.value, printable(message), printable(hint), location)


def _warning(code: KernelCode, message: str, hint: str, location: Location) -> Issue:
    return Issue(Severity.WARNING, code.value, printable(message), printable(hint), location)
