"""What modprobe.d, modules-load.d and the kernel command line say, as kmodd's own files would say it.

Only what means the same is converted; every other line is kept, with the reason, for somebody else to obey.
Of one module all lines of a kind are converted or none, because their order decides which of them counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from kmodd.core.old_lines import LOAD, UNREAD, WORD, Conversion, Kept, Known, OldLine, Table, Value
from kmodd.core.option_words import option
from kmodd.core.parameters import same_name, split_options
from kmodd.core.switches import switches
from kmodd.model import Desired, ModuleInfo, Parameter
from kmodd.names import ModuleName, is_module_name

_UNCONVERTED: Final[Mapping[str, str]] = {
    "remove": "kmodd runs no commands",
    "weakdep": "it is for those who make an initramfs, and loads nothing",
    "alias": "kmodd has no aliases of its own",
    UNREAD: "libkmod does not understand it, so it has had no effect",
}
_BLACKLIST: Final = (
    "it keeps aliases from loading the module and nobody who names it, which no state of kmodd does: "
    '"unloaded" would take it out again as well'
)


def convert(lines: Iterable[OldLine], known: Known) -> Conversion:
    """``lines`` in the order in which libkmod reads them; words of the kernel command line come last."""
    work = _Work(tuple(lines), known)
    for index, line in enumerate(work.lines):
        if line.command in _UNCONVERTED:
            work.keep(index, _UNCONVERTED[line.command])
    _installs(work)
    _blacklists(work)
    _options(work)
    _softdeps(work)
    _words(work)
    _loads(work)
    return work.conversion()


class _Work:
    """The lines, and what has become of each so far."""

    def __init__(self, lines: tuple[OldLine, ...], known: Known) -> None:
        self.lines = lines
        self.known = known
        self.denied: set[str] = set()
        self.commanded: dict[str, OldLine] = {}
        self._tables: dict[str, dict[str, Value]] = {}
        self._notes: dict[str, list[str]] = {}
        self._kept: dict[int, str] = {}
        self._spent: dict[int, str] = {}

    def of(self, command: str) -> list[tuple[int, OldLine]]:
        """Lines of a kind, with their numbers."""
        return [(index, line) for index, line in enumerate(self.lines) if line.command == command]

    def by_module(self, command: str) -> dict[str, list[tuple[int, OldLine]]]:
        """The same by what they are about."""
        found: dict[str, list[tuple[int, OldLine]]] = {}
        for index, line in self.of(command):
            found.setdefault(line.subject, []).append((index, line))
        return found

    def about(self, command: str, module: str) -> list[tuple[int, OldLine]]:
        """Lines of a kind that libkmod takes for ``module``, also by a pattern."""
        return [
            (i, line)
            for i, line in self.of(command)
            if line.subject == module or self.known.matches(line.subject, module)
        ]

    def keep(self, index: int, reason: str) -> None:
        """A line stays what it is."""
        self._kept[index] = reason

    def spend(self, index: int, reason: str) -> None:
        """A line means nothing any more, or never did."""
        self._spent[index] = reason

    def declare(self, module: str, key: str, value: str | tuple[str, ...], *lines: OldLine) -> None:
        """Give a key of a module's table its value; the lines of the same value before it stay named."""
        table = self._tables.setdefault(module, {})
        before = table[key].lines if key in table and table[key].value == value else ()
        table[key] = Value(key, value, (*before, *lines))

    def value(self, module: str, key: str) -> Value | None:
        """What is declared of a module under a key so far."""
        return self._tables.get(module, {}).get(key)

    def is_kept(self, index: int) -> bool:
        """Whether a line stays what it is."""
        return index in self._kept

    def note(self, module: str, sentence: str) -> None:
        """Say something of a module's table."""
        self._notes.setdefault(module, []).append(sentence)

    def info(self, module: str) -> ModuleInfo:
        """What the module tree says of a module."""
        return self.known.infos.get(ModuleName(module)) or ModuleInfo(ModuleName(module))

    def no_module(self, subject: str) -> str:
        """Why a table cannot be about ``subject``; "" if it can."""
        if not is_module_name(subject):
            return "kmodd declares modules one by one, by their names"
        if self.about("alias", subject):
            return _aliased(subject)
        aliased = self.info(subject).alias_of
        if aliased and not self.info(subject).exists:
            return f"{subject} is an alias of {', '.join(aliased)}, and the line is about the alias"
        return ""

    def conversion(self) -> Conversion:
        """Everything, tables by name."""
        for table in self._tables.values():
            if "state" not in table:
                table["state"] = Value("state", Desired.AUTO.value, ())
        return Conversion(
            tuple(
                Table(ModuleName(name), _ordered(table), tuple(self._notes.get(name, ())))
                for name, table in sorted(self._tables.items())
            ),
            tuple(Kept(self.lines[index], reason) for index, reason in sorted(self._kept.items())),
            tuple(Kept(self.lines[index], reason) for index, reason in sorted(self._spent.items())),
        )


def _aliased(subject: str) -> str:
    return f"an alias of modprobe.d makes {subject} mean something else"


def _ordered(table: Mapping[str, Value]) -> tuple[Value, ...]:
    """The state first, then as they were said."""
    return (table["state"], *(value for key, value in table.items() if key != "state"))


def _installs(work: _Work) -> None:
    """``denied`` for a module whose first install line does nothing but keep it out."""
    for index, line in work.of("install"):
        first = work.about("install", line.subject)[0][1]
        if first is not line:
            work.keep(index, f"{first.location} comes before it and is the one that counts")
        elif not line.refuses:
            work.commanded[line.subject] = line
            work.keep(index, "kmodd runs no commands")
        elif why := work.no_module(line.subject):
            work.commanded[line.subject] = line
            work.keep(index, why)
        else:
            _deny(work, line)


def _deny(work: _Work, line: OldLine) -> None:
    module = line.subject
    work.denied.add(module)
    work.declare(module, "state", Desired.DENIED.value, line)
    softdeps = [each for _, each in work.about("softdep", module)]
    if module in work.known.softdeps or any(each.before or each.after for each in softdeps[:1]):
        work.note(module, "libkmod ignores the old line, because the module has softdeps; kmodd keeps it out")
    if work.info(module).builtin:
        work.note(module, "it is built into this kernel, so that nothing keeps it out; kmodd says so")


def _blacklists(work: _Work) -> None:
    for index, line in work.of("blacklist"):
        if line.subject in work.denied:
            work.declare(line.subject, "state", Desired.DENIED.value, line)
        else:
            work.keep(index, _BLACKLIST)


def _command_of(work: _Work, module: str) -> str:
    """Why nothing is declared of a module that somebody else's command loads; "" for no such command."""
    for _, line in work.about("install", module)[:1]:
        if module not in work.denied:
            return f"{module} has an install command ({line.location}), which kmodd does not run"
    return ""


def _options(work: _Work) -> None:
    by_module = work.by_module("options")
    shared = _shared(work, by_module)
    for module, lines in by_module.items():
        why = work.no_module(module) or _command_of(work, module) or _unfit(work.info(module), lines)
        if not why and module in shared:
            why = f"{module} has options under {shared[module]} too, and their order counts"
        for index, line in lines:
            if why:
                work.keep(index, why)
            else:
                _declare_options(work, module, line, split_options(line.argument))


def _shared(work: _Work, names: Iterable[str]) -> dict[str, str]:
    """Those of ``names`` that mean the same module as another of them, with that other one.

    Who asks for a module by an alias gets the options of both (libkmod-module.c, kmod_module_get_options()).
    """
    names = set(names)
    pairs = [(a, b) for a in sorted(names) for b in work.known.loads.get(a, ()) if a != b and b in names]
    return {one: other for a, b in pairs for one, other in ((a, b), (b, a))}


def _unfit(info: ModuleInfo, lines: Iterable[tuple[int, OldLine]]) -> str:
    """Why the options of a module are not what a table can say; "" if they are."""
    if info.builtin:
        return f"{info.name} is built into this kernel, so that nobody has obeyed it; kmodd would"
    for _, line in lines:
        for word in split_options(line.argument):
            if option(word, info) is None:
                return f"{line.location} has {word!r}, which cannot be written as a parameter"
    return ""


def _declare_options(work: _Work, module: str, line: OldLine, words: Sequence[str]) -> None:
    for word in words:
        parameter = option(word, work.info(module)) or Parameter("", "")
        _replaced(work, module, line, parameter)
        work.declare(module, f"parameters.{same_name(parameter.name)}", parameter.value, line)


def _replaced(work: _Work, module: str, line: OldLine, parameter: Parameter) -> None:
    """Say which earlier value does not count, as the kernel takes the last."""
    before = work.value(module, f"parameters.{same_name(parameter.name)}")
    if before is not None and before.value != parameter.value:
        places = ", ".join(str(each.location) for each in before.lines)
        work.note(
            module, f"{parameter.name}: {line.location} comes after {places}, which said {before.value!r}"
        )


def _softdeps(work: _Work) -> None:
    """``wants``, where kmodd's own softdep line will say just that."""
    for index, line in work.of("softdep"):
        why = _unwanted(work, line)
        if why:
            work.keep(index, why)
        else:
            names = tuple(dict.fromkeys(same_name(name) for name in line.before))
            work.declare(line.subject, "wants", names, line)


def _unwanted(work: _Work, line: OldLine) -> str:
    """Why a softdep line stays; "" if ``wants`` says the same."""
    module = line.subject
    if why := work.no_module(module) or _command_of(work, module):
        return why
    if module in work.denied:
        return f"{module} is denied, and kmodd's own line comes first"
    if len(work.about("softdep", module)) > 1 or module in work.known.softdeps:
        return f"{module} has other softdeps, and of several the first line counts"
    if line.after or not line.before:
        return 'kmodd declares what goes before a module, and nothing that follows it ("post:")'
    return _unwanted_name(work, module, tuple(map(same_name, line.before)))


def _unwanted_name(work: _Work, module: str, before: tuple[str, ...]) -> str:
    """Why ``module`` cannot want all of these; "" if it can."""
    if module in before:
        return "it names itself, which libkmod passes over"
    strange = [name for name in (module, *before) if not work.info(name).exists]
    if strange and not work.known.has_tree:
        return f"without a module tree nobody knows whether {strange[0]} is a module that kmodd could want"
    if strange:
        return f"{strange[0]} is no module of this kernel, so that kmodd could not want it"
    denied = [name for name in before if name in work.denied]
    return f"{denied[0]} is denied" if denied else ""


def _words(work: _Work) -> None:
    """Parameters on the kernel command line, which outdo those of modprobe.d; all words stay in force."""
    unfit = {line.subject for index, line in work.of("options") if work.is_kept(index)}
    for index, line in work.of(WORD):
        parameter = option(line.argument, work.info(line.subject)) if line.argument else None
        if not line.argument:
            work.keep(index, "the kernel and modprobe obey it, and kmodd shows it as the reason")
        elif parameter is None or line.subject in unfit or not work.info(line.subject).path:
            work.keep(index, "it stays in force, and kmodd does not set it")
        elif why := _command_of(work, line.subject):
            work.keep(index, why)
        else:
            _declare_options(work, line.subject, line, (line.argument,))


def _loads(work: _Work) -> None:
    """``loaded`` for what systemd-modules-load would have loaded."""
    barred = switches(line.text for _, line in work.of(WORD)).barred
    blacklisted = {line.subject: line.location for _, line in work.of("blacklist")}
    for index, line in work.of(LOAD):
        found = work.known.loads.get(line.subject, ())
        if not found and work.about("alias", same_name(line.subject)):
            work.keep(index, _aliased(line.subject))
            continue
        if not found and is_module_name(line.subject):
            found = (ModuleName(same_name(line.subject)),)
        if not found:
            work.spend(index, "no module has such a name, so that it has loaded nothing")
            continue
        kept_out = [name for name in found if name in work.denied or name in blacklisted or name in barred]
        commands = [why for name in found if (why := _command_of(work, name))]
        if kept_out:
            by = blacklisted.get(kept_out[0], "an install line or the kernel command line")
            work.spend(index, f"{kept_out[0]} was never loaded by it, because {by} keeps it out")
        elif commands:
            work.keep(index, commands[0])
        else:
            for name in found:
                _load(work, name, line)


def _load(work: _Work, name: ModuleName, line: OldLine) -> None:
    work.declare(name, "state", Desired.LOADED.value, line)
    if work.known.has_tree and not work.info(name).exists:
        work.note(name, "this kernel has no such module")
