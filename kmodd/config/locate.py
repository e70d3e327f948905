"""Where every key and value of a TOML document stands; parsers tell that only of what they refuse.

A scanner for documents that tomli has accepted, so it checks nothing that tomli checks. What TOML 1.1 allows
and 1.0 does not is found here too: tomli takes it from 2.4 on, and a file must mean the same everywhere.
"""

from __future__ import annotations

import re
from bisect import bisect_right

import tomli

from kmodd.config.toml_text import KeyPath
from kmodd.named_tuple import NamedTuple

# Deeper than any table of ours, and far from what recursion or quadratic parsing could hurt.
MAX_DEPTH = 32

_BLANKS = re.compile(r"[ \t]*+")
_GAP = re.compile(r"(?:[ \t\n]++|#[^\n]*+)*+")
_KEY = re.compile(r"""[A-Za-z0-9_-]++|"(?:[^"\\]++|\\.)*+"|'[^']*+'""")
_STRING = re.compile(
    r'"""(?:[^"\\]++|\\.|""?(?!"))*+"""(?:"{1,2})?'
    r"|'''(?:[^']++|''?(?!'))*+'''(?:'{1,2})?"
    r'|"(?:[^"\\]++|\\.)*+"'
    r"|'[^']*+'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\n#]++")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_TIME_WITHOUT_SECONDS = re.compile(r"(?:\d{4}-\d\d-\d\d[Tt ])?\d\d:\d\d(?!:)")


class Misplaced(Exception):
    """The text is beyond what a file may be, at ``offset``: TOML 1.1, or nested too deep."""

    def __init__(self, offset: int, message: str, *, too_deep: bool = False) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message
        self.too_deep = too_deep


class Repetition(NamedTuple):
    """A statement that comes too late: what it names, what is there before it, and where both stand."""

    path: KeyPath
    is_header: bool
    place: tuple[int, int]
    before: KeyPath
    first: tuple[int, int]


class Places:
    """Line and column, both from 1, of keys and values; columns count characters."""

    def __init__(self, text: str, keys: dict[KeyPath, int], values: dict[KeyPath, int]) -> None:
        self.keys = keys
        self.values = values
        self._lines = line_starts(text)

    def key(self, path: KeyPath) -> tuple[int, int]:
        """Where the key stands, or the nearest one above it that stands anywhere."""
        return self._find(self.keys, path)

    def value(self, path: KeyPath) -> tuple[int, int]:
        """Where the value begins, or the nearest one above it."""
        return self._find(self.values, path)

    def _find(self, offsets: dict[KeyPath, int], path: KeyPath) -> tuple[int, int]:
        while path and path not in offsets:
            path = path[:-1]
        return line_and_column(self._lines, offsets.get(path, 0))


def line_starts(text: str) -> list[int]:
    """Offset of the first character of each line."""
    return [0, *(match.end() for match in re.finditer("\n", text))]


def line_and_column(starts: list[int], offset: int) -> tuple[int, int]:
    """Line and column of ``offset``, from 1."""
    line = bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1


def locate(text: str) -> Places:
    r"""Places in a document that tomli accepts (line ends ``\n`` only); raises Misplaced."""
    scanner = _Scanner(text)
    scanner.document()
    return Places(text, scanner.keys, scanner.values)


def repetition(text: str, offset: int) -> Repetition | None:
    """What tomli refuses at ``offset`` for something before it, None if there is none; raises Misplaced."""
    try:
        _Repetitions(text, offset).document()
    except _Repeated as repeated:
        return repeated.repetition
    return None


class _Scanner:
    """One pass over the text; ``keys`` and ``values`` map paths to offsets."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.keys: dict[KeyPath, int] = {}
        self.values: dict[KeyPath, int] = {}
        self._last_index: dict[KeyPath, int] = {}

    def document(self) -> None:
        """Statements and headers to the end."""
        table: KeyPath = ()
        while char := self._next(_GAP):
            if char == "[":
                table = self._header()
            else:
                self._assignment(table)

    def _header(self) -> KeyPath:
        """``[table]`` or ``[[array of tables]]``; the path of what follows."""
        begin = self.pos
        brackets = 2 if self.text.startswith("[[", self.pos) else 1
        self.pos += brackets
        *above, (name, offset) = self._dotted_key()
        self.pos += brackets
        path: KeyPath = ()
        for part, start in above:
            path = self._enter((*path, part), start)
        path = (*path, name)
        self._stated(path, offset, begin)
        return self._append(path, offset) if brackets == 2 else self._enter(path, offset)

    def _enter(self, path: KeyPath, offset: int) -> KeyPath:
        """A table of a header; of an array of tables it is the last one."""
        self._note(path, offset)
        return (*path, self._last_index[path]) if path in self._last_index else path

    def _append(self, path: KeyPath, offset: int) -> KeyPath:
        """A new table at the end of an array of tables."""
        self._note(path, offset)
        index = self._last_index.get(path, -1) + 1
        self._last_index[path] = index
        self._note((*path, index), offset)
        return (*path, index)

    def _assignment(self, table: KeyPath) -> None:
        """``key = value``, dotted or not, in ``table``."""
        path, begin, offset = table, self.pos, self.pos
        for part, offset in self._dotted_key():
            path = (*path, part)
            self._note(path, offset)
        self.pos += 1
        self._next(_BLANKS)
        self.values[path] = self.pos
        self._value(path)
        self._stated(path, offset, begin)

    def _stated(self, path: KeyPath, offset: int, begin: int) -> None:
        """A statement has been read: its path, where the last key stands, where it begins."""

    def _dotted_key(self) -> list[tuple[str, int]]:
        """Parts of a key with their offsets; stands behind the blanks after it then."""
        parts: list[tuple[str, int]] = []
        while len(parts) < MAX_DEPTH:
            self._next(_BLANKS)
            start = self.pos
            parts.append((self._name(self._take(_KEY)), start))
            if self._next(_BLANKS) != ".":
                return parts
            self.pos += 1
        raise _too_deep(self.pos)

    def _name(self, token: str) -> str:
        """What a key means; only escapes need a parser."""
        if token[0] not in "\"'":
            return token
        if "\\" not in token or token[0] == "'":
            return token[1:-1]
        self._check_escapes(token)
        name: str = tomli.loads(f"name = {token}")["name"]
        return name

    def _value(self, path: KeyPath) -> None:
        """Any value, with all that it holds."""
        if len(path) > MAX_DEPTH:
            raise _too_deep(self.pos)
        match self.text[self.pos]:
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case '"' | "'":
                self._check_escapes(self._take(_STRING))
            case _:
                self._scalar()

    def _array(self, path: KeyPath) -> None:
        self.pos += 1
        index = 0
        while self._next(_GAP) != "]":
            self._note((*path, index), self.pos)
            self._value((*path, index))
            if self._next(_GAP) == ",":
                self.pos += 1
            index += 1
        self.pos += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.pos += 1
        comma = -1
        while self._next_in_line() != "}":
            self._assignment(path)
            comma = -1
            if self._next_in_line() == ",":
                comma = self.pos
                self.pos += 1
        if comma >= 0:
            raise Misplaced(comma, "a comma after the last key of an inline table is TOML 1.1, not 1.0")
        self.pos += 1

    def _scalar(self) -> None:
        start = self.pos
        if _TIME_WITHOUT_SECONDS.match(self._take(_SCALAR)):
            raise Misplaced(start, "a time without seconds is TOML 1.1, not 1.0")

    def _check_escapes(self, token: str) -> None:
        r"""Refuse ``\e`` and ``\xHH`` in the token that was just taken."""
        if "\\" not in token or token[0] == "'":
            return
        for match in _ESCAPE.finditer(token):
            if match[1] in "ex":
                offset = self.pos - len(token) + match.start()
                raise Misplaced(offset, f"the escape {match[0]} is TOML 1.1, not 1.0")

    def _next_in_line(self) -> str:
        """The next character that is not blank, which must not be a line's end."""
        char = self._next(_BLANKS)
        if char in "\n#":
            raise Misplaced(self.pos, "an inline table on more than one line is TOML 1.1, not 1.0")
        return char

    def _next(self, gap: re.Pattern[str]) -> str:
        """Go over ``gap``; the character there, "" at the end."""
        match = gap.match(self.text, self.pos)
        self.pos = match.end() if match else self.pos
        return self.text[self.pos : self.pos + 1]

    def _take(self, token: re.Pattern[str]) -> str:
        """The token that stands here; an empty one cannot be in a document that tomli accepts."""
        match = token.match(self.text, self.pos)
        if match is None:
            raise Misplaced(self.pos, "this is not TOML 1.0")
        self.pos = match.end()
        return match[0]

    def _note(self, path: KeyPath, offset: int) -> None:
        """The first place of a path; a table can be opened in parts."""
        self.keys.setdefault(path, offset)
        self.values.setdefault(path, offset)


class _Repeated(Exception):
    """The statement was found that tomli refuses."""

    def __init__(self, found: Repetition | None) -> None:
        super().__init__()
        self.repetition = found


class _Repetitions(_Scanner):
    """Reads up to the statement that ends at ``refused``, before which tomli accepts everything."""

    def __init__(self, text: str, refused: int) -> None:
        super().__init__(text)
        self._refused = refused

    def _stated(self, path: KeyPath, offset: int, begin: int) -> None:
        if not begin < self._refused <= self.pos:
            return
        lines = line_starts(self.text)
        for length in range(len(path), 0, -1):
            first = self.keys.get(path[:length], begin)
            if first < begin:
                is_header = self.text[begin] == "["
                place, earlier = line_and_column(lines, offset), line_and_column(lines, first)
                raise _Repeated(Repetition(path, is_header, place, path[:length], earlier))
        raise _Repeated(None)


def _too_deep(offset: int) -> Misplaced:
    return Misplaced(offset, f"this nests deeper than {MAX_DEPTH} levels", too_deep=True)
