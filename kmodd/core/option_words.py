"""One word of an options line as a parameter of a file, if it can be one."""

from kmodd.core.parameters import same_name
from kmodd.model import ModuleInfo, Parameter
from kmodd.names import is_parameter_name

# Types for which a name without a value is true (kernel/params.c, KERNEL_PARAM_OPS_FL_NOARG).
_FLAGS = ("bool", "invbool", "bint")


def option(word: str, info: ModuleInfo) -> Parameter | None:
    """The parameter that a word of ``split_options`` sets; None where a file could not say the same.

    Quotes are those of next_arg() (lib/cmdline.c): around the whole word, or around the value.
    """
    name, equals, value = _without_quotes(word).partition("=")
    if not is_parameter_name(name):
        return None
    if not equals:
        types = {same_name(known): kind for known, kind in info.parameter_types}
        return Parameter(name, "Y") if types.get(same_name(name)) in _FLAGS else None
    value = _without_quotes(value)
    return None if '"' in value or not value.isprintable() else Parameter(name, value)


def _without_quotes(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
