"""Module parameters as text: options for a load, and whether two values are the same to the kernel."""

from collections.abc import Collection, Iterable, Mapping

from kmodd.model import Parameter
from kmodd.shown import Drift

# isspace() of the kernel takes bytes, and 0xa0, part of many letters in UTF-8, for a blank (lib/ctype.c).
_BLANKS = frozenset(b" \t\n\v\f\r\xa0")
_TRUE = ("y", "t", "1", "on")
_FALSE = ("n", "f", "0", "of")
_BOOLEANS = ("bool", "invbool", "bint")
_BOOLEAN_WORDS = frozenset(("y", "n", "yes", "no", "t", "f", "true", "false", "on", "off", "1", "0"))
_INTEGERS = frozenset(
    ("byte", "short", "ushort", "int", "uint", "long", "ulong", "ullong", "hexint", "size_t")
)
_TEXTS = frozenset(("charp", "string"))
# What a charp parameter that nobody set reads as (kernel/params.c, param_get_charp through "%s").
_NULL = "(null)"


def options_string(inherited: str, parameters: Collection[Parameter]) -> str:
    """Options for finit_module(2): ``inherited`` (modprobe.d's) less what ``parameters`` set, then those."""
    if not inherited and not parameters:
        return ""
    own = {same_name(parameter.name) for parameter in parameters}
    kept = [word for word in split_options(inherited) if same_name(word.partition("=")[0]) not in own]
    return " ".join([*kept, *(assignment(parameter) for parameter in parameters)])


def assignment(parameter: Parameter) -> str:
    """``name=value``, quoted where the kernel's parser would end at a blank (lib/cmdline.c, next_arg)."""
    blank = not _BLANKS.isdisjoint(parameter.value.encode())
    return f'{parameter.name}="{parameter.value}"' if blank else f"{parameter.name}={parameter.value}"


def split_options(options: str) -> list[str]:
    """Words of an options string; blanks inside double quotes do not separate (lib/cmdline.c, next_arg)."""
    words: list[str] = []
    word = ""
    quoted = False
    for letter in options:
        if letter == '"':
            quoted = not quoted
        if letter in " \t\n\v\f\r" and not quoted:
            if word:
                words.append(word)
            word = ""
        else:
            word += letter
    return [*words, word] if word else words


def same_name(name: str) -> str:
    """Key under which the kernel takes two parameter names for one (kernel/params.c, parameq)."""
    return name.replace("-", "_")


def shown_of(wanted: Iterable[Parameter], found: Mapping[str, str]) -> tuple[Parameter, ...]:
    """What the kernel shows of ``wanted``, under the names that these have; without what cannot be read."""
    texts = {same_name(name): text for name, text in found.items()}
    keys = ((p.name, same_name(p.name)) for p in wanted)
    return tuple(Parameter(name, texts[key]) for name, key in keys if key in texts)


def drifted(
    wanted: Iterable[Parameter], found: Mapping[str, str], types: Mapping[str, str]
) -> tuple[tuple[Drift, ...], tuple[str, ...]]:
    """Parameters whose value differs, and the names of those that cannot be read back."""
    drifts: list[Drift] = []
    unreadable: list[str] = []
    texts = {same_name(name): text for name, text in found.items()}
    kinds = {same_name(name): kind for name, kind in types.items()}
    for parameter in wanted:
        text = texts.get(same_name(parameter.name))
        if text is None:
            unreadable.append(parameter.name)
        elif not equal(kinds.get(same_name(parameter.name), ""), parameter.value, text):
            drifts.append(Drift(parameter.name, parameter.value, text))
    return tuple(drifts), tuple(unreadable)


def equal(kind: str, wanted: str, found: str) -> bool:
    """Whether ``found`` (as read from sysfs) is what the kernel makes of ``wanted``.

    ``kind`` is modinfo's parmtype ("int", "array of charp", ...) or "" where that is unknown (a parameter
    with operations of its own): then any of the readings may make them equal.
    """
    if wanted == found:
        return True
    if kind in _TEXTS:
        return not wanted and found == _NULL
    if kind.startswith("array of "):
        return _equal_array(kind.removeprefix("array of "), wanted, found)
    if kind in _BOOLEANS:
        return _equal_bool(wanted, found)
    if kind in _INTEGERS:
        return _equal_int(wanted, found)
    return (
        _equal_int(wanted, found)
        or (wanted.lower() in _BOOLEAN_WORDS and _equal_bool(wanted, found))
        or ("," in wanted and _equal_array("", wanted, found))
    )


def _equal_array(kind: str, wanted: str, found: str) -> bool:
    """Element by element; an array without a counter reads as its whole length, so more may follow."""
    want, have = wanted.split(","), found.split(",")
    return len(have) >= len(want) and all(equal(kind, a, b) for a, b in zip(want, have, strict=False))


def _equal_bool(wanted: str, found: str) -> bool:
    a, b = boolean(wanted), boolean(found)
    return a is not None and a is b


def boolean(text: str) -> bool | None:
    """What kstrtobool() reads: the first letter decides, the second for "on" and "off" (lib/kstrtox.c)."""
    lowered = text.lower()
    if lowered.startswith(_TRUE):
        return True
    return False if lowered.startswith(_FALSE) else None


def _equal_int(wanted: str, found: str) -> bool:
    a, b = integer(wanted), integer(found)
    return a is not None and a == b


def integer(text: str) -> int | None:
    """The number that kstrtol(…, 0, …) reads: decimal, 0x hexadecimal, or octal after a leading 0."""
    digits = text.strip().lower().removeprefix("+").replace("_", "?")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.removeprefix("-")
    base = 16 if digits.startswith("0x") else 8 if digits.startswith("0") and len(digits) > 1 else 10
    try:
        return sign * int(digits, base)
    except ValueError:
        return None
