"""Types of the values in configuration files: what each accepts, and a predicate for what it does not."""

import math
import re
from typing import Annotated, NoReturn

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from kmodd.config import shapes
from kmodd.config.issues import Code
from kmodd.names import MAX_LENGTH, ModuleName, is_module_name, is_parameter_name, module_name

# What the kernel's widest integer parameters take (include/linux/moduleparam.h: llong, ullong).
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_SCALARS = bool | int | float | str
_UNITS_S = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
LONGEST_GLOB = 4096  # no attribute of sysfs is longer; the time for a glob grows with the square of its "["
_DURATION = re.compile(r"([0-9]{1,9})(ms|s|min|h)")
_LONGEST_S = 7 * 24 * 3600.0
_DURATION_HINT = 'write a number and a unit: "500ms", "30s", "2min" or "1h"'
_NAME_HINT = f"a name has 1 to {MAX_LENGTH} letters, digits, '_' or '-' and does not begin with '-'"


def refuse(code: Code, predicate: str, hint: str) -> NoReturn:
    """Refuse a value; ``predicate`` continues a sentence that begins with the key ("must be ...")."""
    raise PydanticCustomError("refused", "{predicate}", {"code": code, "predicate": predicate, "hint": hint})


def toml_type(value: object) -> str:
    """What a value is, in TOML's words."""
    names = ((bool, "a boolean"), (str, "a string"), (int, "an integer"), (float, "a float"))
    more = ((list, "an array"), (tuple, "an array"), (dict, "a table"))
    return next((name for kind, name in (*names, *more) if isinstance(value, kind)), "a date or time")


def parameter_text(value: object) -> str:
    """Text that the kernel is to parse for a parameter: bool as Y or N, an array as a comma list."""
    if not isinstance(value, list):
        return _scalar_text(value)
    if not value:
        refuse(Code.BAD_VALUE, "is an empty array", "leave the parameter out to keep the module's default")
    odd = [item for item in value if not isinstance(item, _SCALARS)]
    if odd:
        refuse(
            Code.WRONG_TYPE,
            f"has {toml_type(odd[0])} in its array",
            "the kernel takes lists of plain values only",
        )
    texts = [_scalar_text(item) for item in value]
    if any("," in text for text in texts):
        refuse(Code.BAD_VALUE, "has an element with a comma", "the kernel splits arrays at every comma")
    return ",".join(texts)


def seconds(value: object) -> float:
    """A duration such as "30s", in seconds."""
    if not isinstance(value, str):
        refuse(Code.WRONG_TYPE, f"must be a duration, not {toml_type(value)}", _DURATION_HINT)
    match = _DURATION.fullmatch(value)
    if not match:
        refuse(Code.BAD_VALUE, f'cannot be "{value[:40]}"', _DURATION_HINT)
    duration_s = int(match[1]) * _UNITS_S[match[2]]
    if not 0 < duration_s <= _LONGEST_S:
        refuse(Code.BAD_VALUE, f'cannot be "{value}"', 'the shortest is "1ms", the longest "168h"')
    return duration_s


def duration_text(duration_s: float) -> str:
    """A duration of whole milliseconds as one would write it."""
    duration_ms = round(duration_s * 1000)
    sizes_ms = {unit: round(size_s * 1000) for unit, size_s in reversed(_UNITS_S.items())}
    return next(f"{duration_ms // size}{unit}" for unit, size in sizes_ms.items() if not duration_ms % size)


def one_or_more(value: object) -> object:
    """A string or a table stands for a list of one."""
    return [value] if isinstance(value, str | dict) else value


def _scalar_text(value: object) -> str:
    match value:
        case bool():
            return "Y" if value else "N"
        case int() if not _SMALLEST <= value <= _LARGEST:
            refuse(Code.BAD_VALUE, "does not fit into 64 bits", "no parameter of the kernel is wider")
        case float() if not math.isfinite(value):
            refuse(Code.BAD_VALUE, "must be a finite number", "the kernel knows neither inf nor nan")
        case int() | float():
            return repr(value)
        case str():
            return _parameter_string(value)
    refuse(
        Code.WRONG_TYPE,
        f"must be a boolean, a number, a string or an array of these, not {toml_type(value)}",
        "a parameter's name with a dot needs quotes" if isinstance(value, dict) else "put it in quotes",
    )


def _parameter_string(value: str) -> str:
    _printable(value)
    if '"' in value:
        refuse(Code.BAD_VALUE, "contains a double quote", "the kernel has no way to write one in a parameter")
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        refuse(Code.BAD_VALUE, "contains a line break or another unprintable character", "take it out")
    return value


def _not_empty(value: str) -> str:
    if not value:
        refuse(Code.BAD_VALUE, "is empty", "leave the key out")
    return _glob(value)


def _glob(value: str) -> str:
    if len(value) > LONGEST_GLOB:
        refuse(Code.BAD_VALUE, f"is longer than {LONGEST_GLOB} characters", "nothing that it could match is")
    return _printable(value)


def _module(value: str) -> ModuleName:
    if not is_module_name(value):
        refuse(Code.BAD_NAME, f'names "{value[:60]}", which is not a module name', _NAME_HINT)
    return module_name(value)


def _module_key(value: str) -> str:
    if not is_module_name(value):
        refuse(Code.BAD_NAME, "is not a module name", _NAME_HINT)
    return value


def _parameter_key(value: str) -> str:
    if not is_parameter_name(value):
        refuse(Code.BAD_NAME, "is not a parameter name", "use letters, digits, '_', '-' and '.'")
    return value


def _attribute(value: str) -> str:
    if any(part in ("", ".", "..") for part in value.split("/")):
        refuse(
            Code.BAD_NAME, "is not the name of a sysfs attribute", "write it relative to the device: idVendor"
        )
    return _not_empty(value)


def _condition(value: str) -> str:
    if value.startswith("!!"):
        refuse(Code.BAD_VALUE, 'begins with two "!"', 'one "!" negates, and nothing negates twice')
    if not value.removeprefix("!").strip():
        refuse(Code.BAD_VALUE, "is empty", "leave the key out")
    return _glob(value)


def _path(value: str) -> str:
    if not value.startswith("/") or ".." in value.split("/"):
        refuse(Code.BAD_VALUE, "must be an absolute path", 'begin with "/" and leave out ".."')
    return _printable(value)


def _path_condition(value: str) -> str:
    _path(value.removeprefix("!"))
    return value


def _dmi_condition(value: str) -> str:
    field, equals, _ = value.removeprefix("!").partition("=")
    if not field or not equals:
        refuse(Code.BAD_VALUE, "must be a field and a glob", 'for example "sys_vendor=LENOVO"')
    return _condition(value)


def _conf_path(value: str) -> str:
    if not value.endswith(".conf"):
        refuse(Code.BAD_VALUE, 'must end in ".conf"', "modprobe reads no other files (modprobe.d(5))")
    return _path(value)


Duration = Annotated[float, BeforeValidator(seconds), WithJsonSchema(shapes.DURATION)]
Text = Annotated[str, AfterValidator(_printable), WithJsonSchema(shapes.TEXT)]
Glob = Annotated[str, AfterValidator(_not_empty), WithJsonSchema(shapes.GLOB)]
ModuleKey = Annotated[str, AfterValidator(_module_key)]
ModuleNames = Annotated[
    tuple[Annotated[str, AfterValidator(_module)], ...], Field(strict=False), WithJsonSchema(shapes.MODULES)
]
Parameters = Annotated[
    dict[Annotated[str, AfterValidator(_parameter_key)], Annotated[str, BeforeValidator(parameter_text)]],
    WithJsonSchema(shapes.PARAMETERS),
]
Properties = Annotated[
    dict[Annotated[str, AfterValidator(_not_empty)], Annotated[str, AfterValidator(_glob)]],
    WithJsonSchema(shapes.PROPERTIES),
]
Attributes = Annotated[
    dict[Annotated[str, AfterValidator(_attribute)], Annotated[str, AfterValidator(_glob)]],
    WithJsonSchema(shapes.ATTRIBUTES),
]
AbsolutePath = Annotated[str, AfterValidator(_path), WithJsonSchema(shapes.PATH)]
ConfPath = Annotated[str, AfterValidator(_conf_path), WithJsonSchema(shapes.CONF_PATH)]
_Listed = BeforeValidator(one_or_more)
Conditions = Annotated[
    tuple[Annotated[str, AfterValidator(_condition)], ...],
    Field(strict=False),
    _Listed,
    WithJsonSchema(shapes.CONDITIONS),
]
PathConditions = Annotated[
    tuple[Annotated[str, AfterValidator(_path_condition)], ...],
    Field(strict=False),
    _Listed,
    WithJsonSchema(shapes.PATH_CONDITIONS),
]
DmiConditions = Annotated[
    tuple[Annotated[str, AfterValidator(_dmi_condition)], ...],
    Field(strict=False),
    _Listed,
    WithJsonSchema(shapes.DMI_CONDITIONS),
]
