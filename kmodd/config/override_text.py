"""The text of a drop-in that says what a caller asks for: keys of kmodd.d(5) for one module, nothing raw.

SetOverride makes files of it, and kmoddctl those that last.
"""

from collections.abc import Iterator, Mapping

from kmodd.errors import ErrorKind, KmoddError
from kmodd.names import ModuleName, printable

MAX_BYTES = 16 * 1024
MAX_VALUES = 1000
MAX_DEPTH = 6
"""The deepest that the language has is when.device.attributes, a table in an array in two tables: 4."""

_HEADER = "# Made by SetOverride of org.kmodd1(5), and in force until ClearOverride or the next boot.\n"


def override_text(name: ModuleName, values: Mapping[str, object], header: str = _HEADER) -> str:
    """A file with the table of module ``name``; ``values`` are plain (bool, int, float, str, list, dict).

    Whether the language has such keys is the compiler's to say. Raises INVALID_ARGUMENT for what is too much,
    nested too deep, or holds a character that nobody could see.
    """
    # The daemon writes its first override long after it is ready, and these have datetime behind them.
    from kmodd.config.toml_text import toml_key, toml_text  # noqa: PLC0415

    for count, text in enumerate(_texts(values, 0)):
        if count >= MAX_VALUES:
            raise _refused(f"there are more than {MAX_VALUES} values")
        if not text.isprintable():
            raise _refused(f"{printable(text[:80])!r} has a line break or another unprintable character")
    lines = "".join(f"{toml_key(key)} = {toml_text(value)}\n" for key, value in values.items())
    if len(lines.encode()) > MAX_BYTES:
        raise _refused(f"it is longer than {MAX_BYTES} bytes")
    return f"{header}[module.{name}]\n{lines}"


def _texts(value: object, depth: int) -> Iterator[str]:
    """Every text in ``value``, "" for what is none; raises INVALID_ARGUMENT."""
    if depth > MAX_DEPTH:
        raise _refused("it is nested too deep")
    match value:
        case str():
            yield value
        case list():
            yield ""
            for item in value:
                yield from _texts(item, depth + 1)
        case Mapping():
            for key, item in value.items():
                yield key
                yield from _texts(item, depth + 1)
        case bool() | int() | float():
            yield ""
        case _:
            raise _refused(f"a value is a {type(value).__name__}")


def _refused(why: str) -> KmoddError:
    return KmoddError(
        ErrorKind.INVALID_ARGUMENT, f"the override cannot be taken: {why}", "kmodd.d(5) has keys and values"
    )
