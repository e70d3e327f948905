"""What the kernel's log says of one attempt. Hostile text: any module prints anything.

A line is about the module whose name it begins with (kernel/module/main.c, kernel/module/version.c,
kernel/params.c); where a name stands elsewhere, somebody only quotes it. What a line claims of a parameter
or a symbol counts only as far as the request or the module's file knows such a one.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from typing import Final

from kmodd.core.parameters import same_name, split_options
from kmodd.model import Parameter
from kmodd.named_tuple import NamedTuple
from kmodd.names import LOADER, ModuleName, printable

_MOST_NAMES: Final = 5
# Texts: re compiles what is used, and keeps it. A start needs none of these, and all take 2 ms of it.
_SYMBOL: Final = r"Unknown symbol (\S+) \(err -2\)"
_CHECKSUM: Final = r"disagrees about version of symbol (\S+)"
_NAMESPACE: Final = r"module uses symbol \(?(\S+?)\)? from namespace (\S+), but does not import it\."
_MAGIC: Final = r"version magic '(.*)' should be '(.*)'"
_DUPLICATE: Final = r"exports duplicate symbol (\S+) \(owned by (\S+)\)"
_GAVE_UP: Final = r"gave up waiting for init of module (\S+)\."
_REFUSED: Final = r"(?:`.*' (?:invalid|too large) for parameter|Unknown parameter) `(?P<name>[^`']*)'"
_TOO_LONG: Final = r"(\S+): string (?:parameter too long|doesn't fit in \d+ chars\.)"
_UNKNOWN: Final = r"unknown parameter '(.*)' ignored"
_AFTER_DASHES: Final = "parameters '"
_FIRMWARE: Final = r"(.*?)\bDirect firmware load for (\S+) failed with error (-?\d+)"
_REJECTED: Final = r"Loading of (.*) is rejected"
_LOCKED: Final = "Lockdown: {loader}: {what} is restricted; see man kernel_lockdown.7"


class Magic(NamedTuple):
    """``vermagic`` of a file, and what the kernel wants instead."""

    found: str
    wanted: str


class Lines:
    """The lines of one attempt on ``module``; ``options`` as finit_module(2) got them.

    ``symbols``: what the module's file needs, None where nobody has looked.
    """

    __slots__ = ("_given", "_module", "_own", "_symbols", "every")

    def __init__(
        self,
        messages: Iterable[str],
        module: ModuleName,
        options: str = "",
        symbols: Container[str] | None = None,
    ) -> None:
        self.every = tuple(messages)
        self._module = module
        self._own = tuple(about(self.every, module))
        self._given = {same_name(p.name): p for p in given(options)}
        self._symbols = symbols

    @property
    def name_symbols(self) -> bool:
        """Whether some line speaks of a symbol, so that it is worth knowing what the file needs."""
        return any("symbol" in text for text in self._own)

    def missing_symbols(self) -> tuple[str, ...]:
        """What it needs and nobody exports."""
        return self._named(_SYMBOL)

    def other_checksums(self) -> tuple[str, ...]:
        """Symbols that it was built for in another form than they have."""
        return self._named(_CHECKSUM)

    def foreign_namespace(self) -> tuple[str, str] | None:
        """A symbol, and the namespace that the module does not import."""
        return next(((m[1], m[2]) for m in _matches(_NAMESPACE, self._own) if self._has_symbol(m[1])), None)

    def magic(self) -> Magic | None:
        """What its file was built for, and what it should be."""
        return next((Magic(m[1].strip(), m[2].strip()) for m in _matches(_MAGIC, self._own)), None)

    def duplicate(self) -> tuple[str, str] | None:
        """A symbol that it exports, and the module that has it already."""
        return next(((m[1], m[2]) for m in _matches(_DUPLICATE, self._own)), None)

    def gave_up_on(self) -> str:
        """The module that it needs and whose init did not end in time; "" for none."""
        return next((m[1] for m in _matches(_GAVE_UP, self._own)), "")

    def refused_parameter(self) -> Parameter | None:
        """The parameter that stopped the load, as it was given."""
        for text in self._own:
            match = re.fullmatch(_REFUSED, text)
            found = self._given.get(same_name(match["name"])) if match else self._cut_off(text)
            if found is not None:
                return found
        return None

    def too_long_parameter(self) -> Parameter | None:
        """The same for a text so long that the kernel has no line with it: only its setter says so."""
        names = (match[1] for match in _matches(_TOO_LONG, self.every))
        return next((self._given[same_name(n)] for n in names if same_name(n) in self._given), None)

    def missing_firmware(self, *, any_device: bool) -> tuple[str, ...]:
        """Files of firmware that were not there (drivers/base/firmware_loader/main.c).

        A line begins with driver and device, which need not have the module's name; ``any_device`` takes
        those of others too where none has it.
        """
        found = [m for m in _matches(_FIRMWARE, self.every) if m[3] == "-2"]
        own = [m for m in found if self._module in re.split(r"\W+", m[1].replace("-", "_"))]
        return _some(m[2] for m in own or (found if any_device else ()))

    def is_blacklisted(self) -> bool:
        """Whether module_blacklist= has kept it out."""
        return any(_same(text, f"Module {self._module} is blacklisted") for text in self.every)

    def is_locked(self, what: str) -> bool:
        """Whether lockdown has kept a process of ours from ``what`` (security/security.c)."""
        return _LOCKED.format(loader=LOADER, what=what) in self.every

    def rejected(self) -> str:
        """As what it was rejected where signatures are enforced; "" where that is not clear."""
        found = {m[1] for m in _matches(_REJECTED, self.every)}
        return found.pop() if len(found) == 1 else ""

    def _named(self, pattern: str) -> tuple[str, ...]:
        return _some(m[1] for m in _matches(pattern, self._own) if self._has_symbol(m[1]))

    def _has_symbol(self, name: str) -> bool:
        return self._symbols is None or name in self._symbols

    def _cut_off(self, text: str) -> Parameter | None:
        """A value so long that the line ends before the parameter's name."""
        if len(text) < 2 or not text.startswith("`"):
            return None
        found = [p for p in self._given.values() if printable(p.value).startswith(text[1:])]
        return found[0] if len(found) == 1 else None


def about(messages: Iterable[str], module: ModuleName) -> Iterator[str]:
    """What follows the name in lines that begin with ``module``."""
    for text in messages:
        name, colon, rest = text.partition(": ")
        if colon and _same(name, module):
            yield rest


def given(options: str) -> Iterator[Parameter]:
    """Parameters in an options string, up to ``--`` (kernel/params.c, parse_args)."""
    for word in split_options(options):
        if word == "--":
            return
        name, _, value = word.removeprefix('"').partition("=")
        yield Parameter(name, value.removeprefix('"').removesuffix('"'))


def ignored(
    messages: Iterable[str], module: ModuleName, options: str, wanted: Iterable[Parameter]
) -> tuple[Parameter, ...]:
    """Those of ``wanted`` that a load which succeeded says it did not take (unknown_module_param_cb).

    The line loses what follows a dot; what follows ``--`` is not looked at at all.
    """
    own = tuple(about(messages, module))
    unknown = {match[1] for match in _matches(_UNKNOWN, own)}
    words = split_options(options)
    late = set()
    if "--" in words and any(text.startswith(_AFTER_DASHES) for text in own):
        late = {word.partition("=")[0] for word in words[words.index("--") + 1 :]}
    return tuple(p for p in wanted if p.name.partition(".")[0] in unknown or p.name in late)


def _same(text: str, other: str) -> bool:
    return text.replace("-", "_") == other.replace("-", "_")


def _some(names: Iterable[str]) -> tuple[str, ...]:
    """Each once, and not too many of them."""
    return tuple(dict.fromkeys(names))[:_MOST_NAMES]


def _matches(pattern: str, lines: Iterable[str]) -> Iterator[re.Match[str]]:
    """Of the lines that are of this form."""
    return filter(None, (re.fullmatch(pattern, line) for line in lines))
