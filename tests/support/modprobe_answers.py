"""What modprobe would do for each of many names, and whether a file beside others changed more than it says.

An answer is the lines of ``modprobe --show-depends NAME``: those of ``modprobe -n -v NAME`` on a machine
where nothing is loaded yet, and builtin modules. One process gives all; an ``install`` line separates them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Answer = tuple[str, ...]
Answers = Mapping[str, Answer]

SEPARATOR_FILE = "/run/modprobe.d/zz-separator.conf"
SEPARATOR_LINE = "install test_separator :\n"
_SEPARATOR = "test_separator"
_SEPARATOR_SHOWN = "install : "
_INSMOD = re.compile(r"insmod \S*/(?P<file>[^/\s]+)\.ko(?:\.\w+)?(?: (?P<options>.*))?")
_OPTION = re.compile(r'(?P<name>[^\s=]+)(?:=(?P<value>(?:"[^"]*"|\S)*))?')


@dataclass(frozen=True, slots=True)
class Survey:
    """``by_name``: to a person's modprobe and the kernel's; ``for_udev``: with -b, so that blacklists hold
    for names too; ``configuration``: the lines of files as ``modprobe --show-config`` repeats them.
    """

    by_name: Answers
    for_udev: Answers
    configuration: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Declared:
    """What may differ: names of modules, with underscores; ``pulled``: what a module is declared to need."""

    denied: frozenset[str] = frozenset()
    unloaded: frozenset[str] = frozenset()
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    pulled: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def blacklisted(self) -> frozenset[str]:
        """Modules that no alias and no udev may bring in."""
        return self.denied | self.unloaded

    @property
    def modules(self) -> frozenset[str]:
        """Every module of which something is declared."""
        return self.blacklisted | frozenset(self.options) | frozenset(self.pulled)


@dataclass(frozen=True, slots=True)
class Names:
    """What to ask for: ``modules`` by their names, ``aliases`` with the modules that each stands for."""

    modules: frozenset[str]
    aliases: Mapping[str, frozenset[str]]

    def queries(self) -> tuple[str, ...]:
        """Everything, once."""
        return tuple(sorted(self.modules.union(self.aliases)))

    def targets(self, query: str) -> frozenset[str]:
        """The modules that a query is about; a module comes before an alias that is spelled like it."""
        return frozenset({query}) if query in self.modules else self.aliases[query]


def canonical(name: str) -> str:
    """A module's name as the kernel spells it."""
    return name.replace("-", "_")


def names_of(modules_dep: str, modules_alias: str, more: Iterable[str] = ()) -> Names:
    """Every module and alias of a module tree (depmod(8)), and ``more`` names.

    The text of an alias pattern is asked for itself: without a bracket in it, it matches its own pattern.
    """
    files = [line.split(":")[0].rsplit("/", 1)[1] for line in modules_dep.splitlines()]
    aliases: dict[str, frozenset[str]] = {}
    for line in modules_alias.splitlines():
        if line.startswith("alias "):
            _, pattern, module = line.split()
            aliases[pattern] = aliases.get(pattern, frozenset()) | {canonical(module)}
    modules = [canonical(file.split(".ko")[0]) for file in files]
    return Names(frozenset((*modules, *map(canonical, more))), aliases)


def separated(queries: Iterable[str]) -> tuple[str, ...]:
    """Arguments of ``modprobe --show-depends --all`` for queries, each behind a separator."""
    return tuple(word for query in queries for word in (_SEPARATOR, query))


def parse(queries: Sequence[str], shown: str) -> Answers:
    """The answer to each query of ``separated``."""
    answers: list[list[str]] = []
    for line in shown.splitlines():
        if line == _SEPARATOR_SHOWN:
            answers.append([])
        else:
            answers[-1].append(line.strip())
    return dict(zip(queries, map(tuple, answers), strict=True))


# ------------------------------------------------------------------------------------------ comparing


def unexpected(names: Names, before: Survey, after: Survey, declared: Declared) -> tuple[str, ...]:
    """What changed and should not have, and what should have and did not: a sentence each."""
    found = [_lost(before, after), _gained(before, after, declared)]
    for kind in ("by_name", "for_udev"):
        old, new = getattr(before, kind), getattr(after, kind)
        found += [
            f"{kind} {query}: {old[query]} -> {new[query]}"
            for query in names.queries()
            if not _is_expected(names.targets(query), query, kind, old, new[query], declared)
        ]
    return tuple(filter(None, found))


def inserted(answer: Answer) -> tuple[str, ...]:
    """The modules that an answer inserts, in order."""
    return tuple(canonical(match["file"]) for match in map(_INSMOD.fullmatch, answer) if match)


def options(line: str) -> dict[str, str]:
    """The parameters of an insmod line; of two for the same parameter the kernel obeys the last."""
    match = _INSMOD.fullmatch(line)
    found = _OPTION.finditer(match["options"] or "") if match else ()
    return {canonical(option["name"]): option["value"] or "" for option in found}


def _is_expected(
    targets: frozenset[str], query: str, kind: str, old: Answers, new: Answer, declared: Declared
) -> bool:
    answer = old[query]
    by_itself = targets == {query} and kind == "by_name"
    if targets & declared.blacklisted and not by_itself:
        allowed = [line for target in targets - declared.blacklisted for line in old[target]]
        return set(new) == set(allowed)
    if declared.denied.intersection((*inserted(answer), query)):
        return _is_refused(answer, new, declared)
    pulled = _lines_pulled(answer, old, declared)
    return [_meaning(line, declared) for line in answer if line not in pulled] == [
        _meaning(line, Declared()) for line in new if line not in pulled
    ]


def _is_refused(answer: Answer, new: Answer, declared: Declared) -> bool:
    """Nothing denied is inserted, a command refuses instead, and nothing is new beside that."""
    commands = [line for line in new if line.startswith("install ") and line not in answer]
    others = set(new) - set(commands) - set(answer)
    return bool(commands) and not others and not declared.denied.intersection(inserted(new))


def _lines_pulled(answer: Answer, old: Answers, declared: Declared) -> frozenset[str]:
    """Lines of what a module in ``answer`` is declared to need; they may come in addition."""
    pulled = {name for module in inserted(answer) for name in declared.pulled.get(module, ())}
    return frozenset(line for name in pulled for line in old[name])


def _meaning(line: str, declared: Declared) -> object:
    """A line as modules and effective parameters, those declared included; other lines as they are."""
    match = _INSMOD.fullmatch(line)
    if match is None:
        return line
    name = canonical(match["file"])
    return name, {**options(line), **declared.options.get(name, {})}


def _lost(before: Survey, after: Survey) -> str:
    """Lines of other files that do not hold any more."""
    lost = [line for line in before.configuration if line not in set(after.configuration)]
    return f"lines lost: {lost}" if lost else ""


def _gained(before: Survey, after: Survey, declared: Declared) -> str:
    """Lines about what is not declared."""
    known = set(before.configuration)
    gained = [line for line in after.configuration if line not in known]
    strange = [line for line in gained if line.split()[1] not in declared.modules]
    return f"lines about others: {strange}" if strange else ""
