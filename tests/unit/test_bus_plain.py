"""Variants of a caller as plain values: what a file can say comes through, whatever else is refused."""

from typing import Any

import pytest

from kmodd.bus.decode import decode_body
from kmodd.bus.encode import encode
from kmodd.bus.message import CALL, Message, Variant
from kmodd.bus.plain import plain_values
from kmodd.errors import ErrorKind, KmoddError


def over_the_wire(values: dict[str, Variant]) -> dict[str, object]:
    """What is made of an ``a{sv}`` that was really sent."""
    body = encode("a{sv}", (values,))
    (received,) = decode_body(Message(CALL, signature="a{sv}", body=body))
    return plain_values(received)


@pytest.mark.parametrize(
    ("variant", "plain"),
    [
        (Variant("b", True), True),
        (Variant("s", "loaded"), "loaded"),
        (Variant("d", 0.5), 0.5),
        *((Variant(kind, 7), 7) for kind in "ynqiuxt"),
        (Variant("as", ["a", "b"]), ["a", "b"]),
        (Variant("ay", [1, 2]), [1, 2]),
        (Variant("av", [Variant("s", "a"), Variant("i", 1)]), ["a", 1]),
        (Variant("a{sv}", {"x": Variant("v", Variant("b", False))}), {"x": False}),
        (Variant("aa{ss}", [{"subsystem": "usb"}]), [{"subsystem": "usb"}]),
        (Variant("as", []), []),
    ],
)
def test_what_a_file_can_say_comes_through(variant: Variant, plain: object) -> None:
    found = over_the_wire({"key": variant})["key"]
    assert found == plain
    assert type(found) is type(plain)


@pytest.mark.shows("security 3")
@pytest.mark.parametrize(
    "variant",
    [
        Variant("o", "/org/kmodd1"),
        Variant("g", "s"),
        Variant("(ss)", ["a", "b"]),
        Variant("a(ss)", []),
        Variant("ao", []),
        Variant("a{us}", {1: "x"}),
        Variant("av", [Variant("a{sv}", {"x": Variant("o", "/")})]),
    ],
)
def test_other_types_are_refused(variant: Variant) -> None:
    with pytest.raises(KmoddError) as caught:
        over_the_wire({"key": variant})
    assert caught.value.kind is ErrorKind.INVALID_ARGUMENT


@pytest.mark.shows("security 3")
def test_a_descriptor_is_refused() -> None:
    with pytest.raises(KmoddError, match="'h' has no place in a file"):
        plain_values({"key": Variant("h", 0)})


def test_a_key_that_is_no_string_is_refused_also_where_the_variant_is_empty_of_them() -> None:
    assert over_the_wire({"key": Variant("a{us}", {})}) == {"key": {}}
    with pytest.raises(KmoddError, match="a key is no string"):
        plain_values({"key": Variant("a{us}", {1: "x"})})


@pytest.mark.parametrize("depth", [40, 63, 10_000])
def test_variants_in_variants_are_refused_without_recursion(depth: int) -> None:
    nested: Any = 1
    for _ in range(depth):
        nested = Variant("v", nested) if isinstance(nested, Variant) else Variant("i", nested)
    with pytest.raises(KmoddError, match="nested too deep"):
        plain_values({"key": nested})
