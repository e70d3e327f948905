"""How a kernel takes and shows module parameters, written from its rules, not from kmodd's.

lib/cmdline.c (next_arg), kernel/params.c (parse_args, param_set_*, param_get_*), lib/ctype.c.
"""

import errno
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# isspace() of the kernel works on bytes and takes Latin-1's no-break space for one.
_SPACES = frozenset(b" \t\n\v\f\r\xa0")
_QUOTE = ord('"')
_CHARP_MAX = 1024
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0(?P<octal>[0-7]+)|(?P<decimal>0|[1-9][0-9]*))\n?"
)
_RANGES = {
    "byte": (0, 255),
    "short": (-(1 << 15), (1 << 15) - 1),
    "ushort": (0, (1 << 16) - 1),
    "int": (-(1 << 31), (1 << 31) - 1),
    "uint": (0, (1 << 32) - 1),
    "hexint": (0, (1 << 32) - 1),
    "long": (-(1 << 63), (1 << 63) - 1),
    "ulong": (0, (1 << 64) - 1),
}
_BOOLS = {"y": True, "1": True, "t": True, "on": True, "n": False, "0": False, "f": False, "of": False}


class Refused(OSError):
    """A parameter did not take its value at a load."""

    def __init__(self, error: int, name: str, value: str) -> None:
        super().__init__(error, "refused")
        what = "too large" if error == errno.ENOSPC else "invalid"
        self.line = f"`{value}' {what} for parameter `{name}'"
        """What parse_args() says of it, after the module's name."""


@dataclass(frozen=True, slots=True)
class KernelParameter:
    """One parameter of a module: its type, what it is before anybody sets it, and who may see it.

    ``clamp``: the module's own setter pulls a number between these. ``length``: elements of an array.
    """

    kind: str = "int"
    default: str = "0"
    mode: int = 0o644
    clamp: tuple[int, int] | None = None
    length: int = 0

    def shown(self, text: str) -> str:
        """What sysfs shows after ``text`` was stored. Raises OSError as the kernel's setter fails."""
        if not self.length:
            return self._scalar(text)
        elements = text.split(",")
        if len(elements) > self.length:
            raise OSError(errno.EINVAL, "too many elements")
        return ",".join(self._scalar(element) for element in elements)

    def _scalar(self, text: str) -> str:
        if self.kind == "charp":
            if len(text.encode()) > _CHARP_MAX:
                raise OSError(errno.ENOSPC, "string too long")
            return text
        if self.kind in ("bool", "invbool"):
            return "Y" if _bool(text) else "N"
        low, high = self.clamp or _RANGES[self.kind]
        number = _integer(text, *_RANGES[self.kind])
        number = min(max(number, low), high)
        return hex(number) if self.kind == "hexint" else str(number)


def parse_arguments(options: str) -> list[tuple[str, str | None]]:
    """Parameters of a finit_module(2) options string: name, and value if there is a "="; up to ``--``."""
    rest = options.encode().lstrip(bytes(_SPACES))
    parsed: list[tuple[str, str | None]] = []
    while rest:
        name, value, rest = _next_argument(rest)
        if name == b"--" and value is None:
            break
        parsed.append((name.decode(), None if value is None else value.decode("utf-8", "replace")))
    return parsed


def load_values(
    parameters: Mapping[str, KernelParameter], options: str
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Values after a load with ``options``, by name, and the words that no parameter took.

    Raises Refused as parse_args() fails.
    """
    values = {name: parameter.default for name, parameter in parameters.items()}
    ignored: list[str] = []
    spellings = {name.replace("-", "_"): name for name in parameters}
    for word, value in parse_arguments(options):
        name = spellings.get(word.replace("-", "_"))
        if name is None:
            ignored.append(word)
        elif value is None and parameters[name].kind != "bool":
            raise Refused(errno.EINVAL, name, "")
        else:
            values[name] = _set(name, parameters[name], "1" if value is None else value)
    return values, tuple(ignored)


def _set(name: str, parameter: KernelParameter, value: str) -> str:
    try:
        return parameter.shown(value)
    except OSError as error:
        raise Refused(error.errno or errno.EINVAL, name, value) from error


def late_arguments(options: str) -> str:
    """What follows ``--``, which nobody looks at; "" for nothing."""
    _, dashes, rest = f" {options}".partition(" -- ")
    return rest.strip() if dashes else ""


def _next_argument(text: bytes) -> tuple[bytes, bytes | None, bytes]:
    """next_arg(): the first word's name and value, and what follows."""
    quoted = text.startswith(b'"')
    body = text[1:] if quoted else text
    end = _end(body, inside=quoted)
    name, equals, value = body[:end].partition(b"=")
    if value.startswith(b'"'):
        value = value[1:].removesuffix(b'"')
    elif quoted:
        name, value = (name, value.removesuffix(b'"')) if equals else (name.removesuffix(b'"'), value)
    return name, value if equals else None, body[end + 1 :].lstrip(bytes(_SPACES))


def _end(text: bytes, *, inside: bool) -> int:
    for index, byte in enumerate(text):
        if byte in _SPACES and not inside:
            return index
        inside ^= byte == _QUOTE
    return len(text)


def _bool(text: str) -> bool:
    """kstrtobool(): by the first letter, or the first two of "on" and "off"."""
    lowered = text.lower()
    for beginning in (lowered[:1], lowered[:2]):
        if beginning in _BOOLS:
            return _BOOLS[beginning]
    raise OSError(errno.EINVAL, "not a boolean")


def _integer(text: str, low: int, high: int) -> int:
    """kstrtol(): base by prefix, one newline allowed at the end, nothing else; no sign for the unsigned."""
    match = _NUMBER.fullmatch(text)
    if match is None or (match["sign"] == "-" and not low):
        raise OSError(errno.EINVAL, "not a number")
    base = 16 if match["hex"] else 8 if match["octal"] else 10
    number = int(match["sign"] + (match["hex"] or match["octal"] or match["decimal"]), base)
    if not low <= number <= high:
        raise OSError(errno.ERANGE, "out of range")
    return number


def readable(
    parameters: Mapping[str, KernelParameter], values: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """What sysfs lets root read: name and text of those with a read bit."""
    return ((name, values[name]) for name in sorted(values) if parameters[name].mode & 0o444)
