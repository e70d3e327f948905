"""What a caller wants of a module, from the bytes of the call to the file that says it."""

import tomli

from kmodd.bus.message import WireError
from kmodd.bus.plain import plain_values
from kmodd.bus.values import decode_values
from kmodd.config.override_text import override_text
from kmodd.errors import ErrorKind, KmoddError
from kmodd.names import module_name
from tests.fuzz import promises
from tests.fuzz.targets.config import drop_in


def override(data: bytes) -> None:
    """A file that says exactly this, and of this module alone; or a refusal for the caller."""
    given = promises.value_of(decode_values, "sa{sv}", data, refusals=(WireError,))
    if given is None:
        return
    ((name, values), _) = given
    try:
        module = module_name(name)
        plain = plain_values(values)
        text = override_text(module, plain)
    except KmoddError as error:
        _is_for_the_caller(error)
        return
    promises.all_shown(text.split("\n"), len(text))
    assert repr(tomli.loads(text)) == repr({"module": {module: plain}})  # repr() because a NaN is not itself
    drop_in(text.encode())


def _is_for_the_caller(error: KmoddError) -> None:
    assert error.kind is ErrorKind.INVALID_ARGUMENT, error
    promises.all_shown(str(error).split("\n"))
