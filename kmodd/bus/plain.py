"""Variants of a caller as plain values: what a file of TOML could say too, and nothing else."""

from collections.abc import Mapping
from typing import Any

from kmodd.bus.message import Variant
from kmodd.errors import ErrorKind, KmoddError
from kmodd.names import printable

_TYPES = frozenset("bynqiuxtdsav{}")
_MAX_DEPTH = 32
"""Of variants in containers in variants; what a file may nest is bounded where it is made of them."""


def plain_values(values: Mapping[str, Variant]) -> dict[str, object]:
    """The values of an ``a{sv}``: bool, int, float, str, and lists and string-keyed dicts of these.

    Raises INVALID_ARGUMENT for a type that no file can hold: descriptors, paths, signatures, structures.
    """
    return {key: _plain(value, 0) for key, value in values.items()}


def _plain(value: Any, depth: int) -> object:
    if depth > _MAX_DEPTH:
        raise _refused("it is nested too deep")
    match value:
        case Variant():
            if not _TYPES.issuperset(value.signature):
                raise _refused(f"the type {printable(value.signature)!r} has no place in a file")
            return _plain(value.value, depth + 1)
        case dict():
            return {_key(key): _plain(item, depth + 1) for key, item in value.items()}
        case list() | bytes():  # an array of bytes comes as bytes
            return [_plain(item, depth + 1) for item in value]
    plain: object = value
    return plain


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise _refused("a key is no string")
    return key


def _refused(why: str) -> KmoddError:
    return KmoddError(
        ErrorKind.INVALID_ARGUMENT,
        f"a value cannot be taken: {why}",
        "give booleans, numbers, strings, and arrays and dictionaries of these, as kmodd.d(5) has them",
    )
