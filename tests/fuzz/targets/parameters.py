"""Values of parameters, options, names: small texts that decide what a load is given."""

from kmodd.core.parameter_types import wanted_instead
from kmodd.core.parameters import drifted, equal, options_string, same_name, split_options
from kmodd.kernel.procfs import parse_command_line
from kmodd.model import Parameter
from kmodd.names import is_module_name, is_parameter_name, module_name, printable
from tests.fuzz import promises
from tests.support.kernel_parameters import KernelParameter, load_values, parse_arguments

_KINDS = ("byte", "short", "ushort", "int", "uint", "long", "ulong", "ullong", "hexint", "bool", "invbool")
_ALL = (*_KINDS, "bint", "charp", "string", "", "array of int", "array of charp", "array of bool", "odd")
_MODELLED = ("byte", "short", "ushort", "int", "uint", "long", "ulong", "hexint", "bool", "charp")
_SHORT = 1000


def values(data: bytes) -> None:
    """Three texts: what is wanted, what is found, a type. What the kernel takes is not warned of."""
    wanted, found, kind = map(promises.text, promises.parts(data, 3))
    for each in (*_ALL, kind):
        assert equal(each, wanted, wanted)
        equal(each, wanted, found)
        promises.is_shown(wanted_instead(each, wanted))
        drifted((Parameter("p", wanted),), {"p": found}, {"p": each})
    if _is_plain(wanted):
        for each in _MODELLED:
            _is_told(each, wanted)


def _is_plain(value: str) -> bool:
    """Whether it reaches the parameter's setter as it is."""
    return len(value) < _SHORT and value.isascii() and value.isprintable() and not set(value) & set('" ')


def _is_told(kind: str, wanted: str) -> None:
    """What the kernel takes is no reason for a warning, and equal to what it shows then."""
    try:
        taken = load_values({"p": KernelParameter(kind)}, f"p={wanted}")[0]["p"]
    except OSError:
        assert wanted_instead(kind, wanted), (kind, wanted)
        return
    assert not wanted_instead(kind, wanted), (kind, wanted)
    assert equal(kind, wanted, taken), (kind, wanted, taken)


def options(data: bytes) -> None:
    """Inherited options and parameters: each is one word, and reaches the kernel as it was given."""
    inherited, *assignments = data.split(b"\0")
    words = split_options(promises.text(inherited))
    assert all(words)
    assert split_options(" ".join(words)) == words
    parameters = {}
    for name, _, value in (promises.text(each).partition("=") for each in assignments):
        if is_parameter_name(name) and value.isprintable() and '"' not in value:
            parameters[same_name(name)] = Parameter(name, value)
    given = list(parameters.values())
    whole = options_string("", given)
    assert not given or len(split_options(whole)) == len(given)
    assert parse_arguments(whole) == given
    read = parse_command_line(whole.encode().decode("latin-1"))
    expected = [f"{each.name}={each.value}" for each in given]
    assert [word.encode("latin-1").decode() for word in read] == expected
    merged = options_string(promises.text(inherited), given)
    assert merged.endswith(whole)


def names(data: bytes) -> None:
    """What is a name stays one, and what is shown can be shown."""
    text = promises.text(data)
    raw = data.decode("utf-8", "surrogateescape")
    for each in (text, raw):
        shown = printable(each)
        promises.is_shown(shown, 10 * len(each))
        assert printable(shown) == shown
        shown.encode()
        if is_module_name(each):
            canonical = module_name(each)
            assert module_name(canonical) == canonical
            assert "-" not in canonical
        if is_parameter_name(each):
            assert "/" not in each
