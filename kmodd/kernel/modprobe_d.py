"""Files of modprobe.d taken apart as libkmod does it (modprobe.d(5), libkmod-config.c). Pure; hostile text.

libkmod says what is in force, but not where it stands; this says where. Bytes, as libkmod compares them.

Imported by the loader: nothing heavy in here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from kmodd.named_tuple import NamedTuple

FILE_LIMIT: Final = 2**20
# Everything up to a newline without a backslash in front of it.
_LOGICAL = re.compile(rb"(?:[^\\\n]+|\\.)*(?:\\?\Z|\n)", re.DOTALL)
_ESCAPE = re.compile(rb"\\(.?)", re.DOTALL)
_BLANKS: Final = b"\t "
# A range in brackets keeps its dashes; a bracket without its other half makes the line a bad one.
_RANGE = re.compile(rb"(\[[^]]*\])")
_GLOB = re.compile(rb"[*?[\\]")
# Commands whose module is a pattern for fnmatch(3); in the others it is a name.
_BY_PATTERN: Final = frozenset(("install", "remove", "softdep", "weakdep"))
_WITH_REST: Final = frozenset(("options", *_BY_PATTERN))
# A command that comes to nothing, whatever its exit status: its module is not loaded.
_REFUSAL = re.compile(r"\s*(?:(?:/usr)?/bin/)?(?:true|false)\s*(?:\s#.*)?")


class Line(NamedTuple):
    """One line that says something: ``number`` is that of its first line in the file, counted from 1.

    ``subject`` is the module that ``command`` is about, or the pattern of an alias, with "_" for "-".
    ``argument`` is what follows it; for an alias the module, for a blacklist nothing. ``text`` is all of it.
    """

    file: str
    number: int
    command: str
    subject: bytes
    argument: bytes
    text: bytes


class Softdeps(NamedTuple):
    """Names in the argument of a softdep line."""

    before: tuple[bytes, ...]
    after: tuple[bytes, ...]


def parse(raw: bytes, file: str) -> Iterator[Line]:
    """Lines of one file, in order; what libkmod takes for a bad line, a comment or nothing is left out."""
    for number, text in _joined(raw):
        line = _line(text, file, number)
        if line is not None:
            yield line


def unread(raw: bytes, file: str) -> Iterator[Line]:
    """What ``parse`` leaves out and is not meant for a comment: somebody may think that it is in force."""
    for number, text in _joined(raw):
        said = text.strip()
        if said and not said.startswith(b"#") and _line(text, file, number) is None:
            yield Line(file, number, "", b"", b"", text)


def refuses(command: str) -> bool:
    """Whether an install command only keeps its module out."""
    return _REFUSAL.fullmatch(command) is not None


def is_pattern(subject: bytes) -> bool:
    """Whether a subject of install, remove, softdep or weakdep may stand for several modules (fnmatch(3))."""
    return _GLOB.search(subject) is not None


def _joined(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines with those that continue them, each after the number of its first one."""
    number = 1
    for physical in _LOGICAL.findall(_bounded(raw)):
        # The C string ends at a NUL.
        yield number, _ESCAPE.sub(_unescaped, physical.removesuffix(b"\n")).partition(b"\0")[0]
        number += physical.count(b"\n")


def _bounded(raw: bytes) -> bytes:
    """``raw``, or the whole lines at its beginning if it is too long for a file of configuration."""
    if len(raw) <= FILE_LIMIT:
        return raw
    return raw[: raw.rfind(b"\n", 0, FILE_LIMIT) + 1]


def _unescaped(escape: re.Match[bytes]) -> bytes:
    """A backslash before a newline joins two lines, before anything else it goes; one at the end goes too.

    kmod 30 puts a byte 0xff in place of that last one.
    """
    return b"" if escape[1] == b"\n" else escape[1]


def _line(text: bytes, file: str, number: int) -> Line | None:
    if text.startswith(b"#"):
        return None
    word, rest = _token(text)
    command = word.decode("ascii", "replace")
    subject, rest = _token(rest)
    if command == "alias":
        target = _underscores(_token(rest)[0])
        argument = b"" if target is None else target
    elif command == "blacklist":
        argument = b""
    elif command in _WITH_REST:
        argument = rest
    else:
        return None
    canonical = _underscores(subject)
    if not canonical or not (argument or command == "blacklist"):
        return None
    return Line(file, number, command, canonical, argument, text)


def _token(text: bytes) -> tuple[bytes, bytes]:
    """The first word, and what follows the one blank after it (strtok_r(3))."""
    bare = text.lstrip(_BLANKS)
    end = next((index for index, byte in enumerate(bare) if byte in _BLANKS), len(bare))
    return bare[:end], bare[end + 1 :]


def _underscores(name: bytes) -> bytes | None:
    """``name`` with "_" for "-" except in ranges; None for one that libkmod refuses."""
    if name.rfind(b"[") > name.rfind(b"]"):
        return None  # said at once, because the search for its other half would begin anew at each bracket
    parts = _RANGE.split(name)
    if any(b"[" in part or b"]" in part for part in parts[::2]):
        return None
    return b"".join(part if index % 2 else part.replace(b"-", b"_") for index, part in enumerate(parts))


def softdeps(argument: bytes) -> Softdeps:
    """Names before and after; words in front of the first "pre:" or "post:" say nothing.

    With one blank in front, and no more than one, libkmod does not know the first word (kmod 30 to 34).
    """
    names: dict[bytes, list[bytes]] = {b"": [], b"pre:": [], b"post:": []}
    mode = b""
    unknown = argument[:1].isspace() and not argument[1:2].isspace()
    for word in argument.split()[unknown:]:
        if word in (b"pre:", b"post:"):
            mode = word
        else:
            names[mode].append(word)
    return Softdeps(tuple(names[b"pre:"]), tuple(names[b"post:"]))


class Lines:
    """The lines of all files in the order in which libkmod reads them, by the module that they speak of.

    ``matches`` is fnmatch(3) without flags: pattern, name.
    """

    def __init__(self, lines: Iterable[Line], matches: Callable[[bytes, bytes], bool]) -> None:
        self.all = tuple(lines)
        self._matches = matches
        self._of_name: dict[bytes, list[int]] = {}
        self._of_pattern: list[int] = []
        for index, line in enumerate(self.all):
            if line.command in _BY_PATTERN and is_pattern(line.subject):
                self._of_pattern.append(index)
            else:
                key = line.argument if line.command == "alias" else line.subject
                self._of_name.setdefault(key, []).append(index)

    def about(self, module: str) -> list[Line]:
        """Lines that speak of ``module``: with its name, with a pattern for it, or as what an alias means."""
        name = module.encode("utf-8", "surrogateescape")
        patterns = (index for index in self._of_pattern if self._matches(self.all[index].subject, name))
        return [self.all[index] for index in sorted((*self._of_name.get(name, ()), *patterns))]
