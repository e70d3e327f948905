"""Values and headers as bytes: our encoder and decoder against dbus_next's, and both against nonsense."""

import struct
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kmodd.bus import library, outgoing
from kmodd.bus import values as decoding
from kmodd.bus.decode import decode_body, decode_message
from kmodd.bus.encode import encode
from kmodd.bus.interfaces import MANAGER, MODULE
from kmodd.bus.message import CALL, ERROR, RETURN, SIGNAL, Message, Variant, WireError
from kmodd.bus.signature import OWN, split_signature
from kmodd.bus.standard import STANDARD
from kmodd.bus.table import Interface
from kmodd.bus.values import decode_values

_MARSHALLER = sys.modules["dbus_next._private.marshaller"]
_TARGET = ("org.kmodd1", "/org/kmodd1", "org.kmodd1.Manager", "GetModule")


def _integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low = -(1 << (bits - 1)) if signed else 0
    return st.integers(low, low + (1 << bits) - 1)


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
_PATHS = st.from_regex(r"\A(/|(/[A-Za-z0-9_]+)+)\Z")
_BASIC: dict[str, st.SearchStrategy[Any]] = {
    "y": _integers(8, signed=False),
    "n": _integers(16, signed=True),
    "q": _integers(16, signed=False),
    "i": _integers(32, signed=True),
    "u": _integers(32, signed=False),
    "x": _integers(64, signed=True),
    "t": _integers(64, signed=False),
    "d": st.floats(allow_nan=False),
    "b": st.booleans(),
    "s": _TEXT,
    "o": _PATHS,
    "g": st.sampled_from(["", "s", "a{sv}", "(ssus)"]),
}


def _typed() -> st.SearchStrategy[tuple[str, st.SearchStrategy[Any]]]:
    """A single complete type with values of it, as dbus_next decodes them."""
    basic = st.sampled_from(sorted(_BASIC.items()))
    return st.recursive(basic, _containers, max_leaves=6)


def _containers(
    inner: st.SearchStrategy[tuple[str, st.SearchStrategy[Any]]],
) -> st.SearchStrategy[tuple[str, st.SearchStrategy[Any]]]:
    arrays = inner.filter(lambda each: each[0] != "y").map(
        lambda each: ("a" + each[0], st.lists(each[1], max_size=3))
    )
    structs = st.lists(inner, min_size=1, max_size=3).map(
        lambda each: (
            f"({''.join(kind for kind, _ in each)})",
            st.tuples(*(values for _, values in each)).map(list),
        )
    )
    dictionaries = inner.map(lambda each: (f"a{{s{each[0]}}}", st.dictionaries(_TEXT, each[1], max_size=3)))
    variants = inner.map(lambda each: ("v", each[1].map(lambda value: Variant(each[0], value))))
    return arrays | structs | dictionaries | variants


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_what_is_encoded_is_decoded(data: st.DataObject) -> None:
    parts = data.draw(st.lists(_typed(), max_size=4))
    signature = "".join(kind for kind, _ in parts)
    values = tuple(data.draw(each) for _, each in parts)
    body = encode(signature, values)
    assert decode_values(signature, body) == (values, len(body))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_bytes_are_those_of_dbus_next(data: st.DataObject) -> None:
    kind, values = data.draw(_typed())
    value = data.draw(values)
    body = bytes(_MARSHALLER.Marshaller(kind, [_as_in_dbus_next(value)]).marshall())
    assert encode(kind, (value,)) == body
    assert decode_values(kind, body) == ((value,), len(body))


def _as_in_dbus_next(value: Any) -> Any:
    if isinstance(value, Variant):
        return library._signature.Variant(value.signature, _as_in_dbus_next(value.value))
    if isinstance(value, list):
        return [_as_in_dbus_next(each) for each in value]
    return {key: _as_in_dbus_next(each) for key, each in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(
    ("signature", "body", "value"),
    [
        ("u", b"\0\0\1\2", 258),
        ("(ys)", b"\1\0\0\0\0\0\0\1a\0", [1, "a"]),
        ("aq", b"\0\0\0\4\0\1\0\2", [1, 2]),
        ("a{sb}", b"\0\0\0\14\0\0\0\0\0\0\0\1a\0\0\0\0\0\0\1", {"a": True}),
        ("v", b"\1n\0\0\377\376", Variant("n", -2)),
    ],
)
def test_the_other_order_of_bytes(signature: str, body: bytes, value: object) -> None:
    assert decode_values(signature, body, little_endian=False) == ((value,), len(body))


@pytest.mark.parametrize(
    ("signature", "body"),
    [
        ("s", b"\1\0\0\0ab"),
        ("s", b"\1\0\0\0a"),
        ("s", b"\377\377\377\377a\0"),
        ("s", b"\1\0\0\0\377\0"),
        ("g", b"\1sx"),
        ("g", b"\5s\0"),
        ("ay", b"\2\0\0\0a"),
        ("as", b"\6\0\0\0\1\0\0\0a"),
        ("aq", b"\3\0\0\0\1\0\2\0"),
        ("a{yy}", b"\1\0\0\0\0\0\0\0\1"),
        ("t", b"\1\0\0\0"),
    ],
)
def test_a_value_that_does_not_lie_within_its_bytes(signature: str, body: bytes) -> None:
    with pytest.raises(WireError):
        decode_values(signature, body)


@pytest.mark.parametrize("interface", [MANAGER, MODULE, *STANDARD], ids=lambda interface: interface.name)
def test_what_is_said_on_the_bus_needs_no_dbus_next(interface: Interface) -> None:
    methods = interface.methods.values()
    said = {each.signature for each in interface.properties.values()}
    said.update(each.signature for each in interface.signals.values())
    said.update(*((each.input_signature, each.output_signature) for each in methods))
    assert said <= OWN


@pytest.mark.parametrize("signature", sorted(OWN))
def test_our_own_signatures_are_some(signature: str) -> None:
    assert library.is_signature(signature)


@given(st.lists(_typed(), max_size=4))
def test_a_signature_is_cut_where_dbus_next_cuts_it(kinds: list[tuple[str, Any]]) -> None:
    signature = "".join(kind for kind, _ in kinds)
    found = library._signature.SignatureTree(signature).types
    assert split_signature(signature) == tuple(each.signature for each in found)


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["s", "a{sv}", "v", "aas", "(sa{sv})", "ao", "as", "b"]))
def test_nonsense_in_a_body_is_a_wire_error_or_a_value(data: bytes, signature: str) -> None:
    with suppress(WireError):
        decode_body(Message(CALL, signature=signature, body=data))


@settings(deadline=None)
@given(st.binary(min_size=200, max_size=400))
def test_nonsense_in_a_header_is_a_wire_error_or_a_message(fields: bytes) -> None:
    fixed = struct.pack("<BBBBIII", ord("l"), RETURN, 0, 1, 0, 1, len(fields))
    with suppress(WireError):
        decode_message(fixed + fields)


def test_deep_nesting_is_a_wire_error() -> None:
    nested = b"\1v\0" * 20_000
    with pytest.raises(WireError):
        decode_values("v", nested)


def test_signatures_of_strangers_do_not_pile_up() -> None:
    known = len(library._signature.SignatureTree._cache)
    for count in range(1000):
        signature = f"({'s' * (count % 200 + 1)}{'u' * (count // 200)})".encode()
        with pytest.raises(WireError):
            decode_values("v", bytes((len(signature),)) + signature + b"\0")
    for cached in (split_signature, decoding._decoders, decoding._decoder):
        assert 0 < len(vars(cached)["answers"]) <= 256
    assert len(library._signature.SignatureTree._cache) == known


@pytest.mark.parametrize(
    "signature", ["{sv}", "({sv})", "a{vs}", "a{(s)s}", "ss", "", "()", "a", "r", "{su}", "s" * 256]
)
def test_a_variant_of_what_is_no_type_is_a_wire_error(signature: str) -> None:
    data = bytes((len(signature) % 256,)) + signature.encode() + bytes(64)
    with pytest.raises(WireError):
        decode_values("v", data)


def test_a_variant_may_hold_variants() -> None:
    value = Variant("a(sv)", [["a", Variant("v", Variant("ay", b"x"))]])
    body = encode("v", (Variant("a(sv)", [["a", Variant("v", Variant("ay", b"x"))]]),))
    assert decode_values("v", body) == ((value,), len(body))


@pytest.mark.parametrize(
    ("signature", "value"),
    [
        ("s", "a\0b"),
        ("s", "\udc80"),
        ("s", 1),
        ("s", None),
        ("u", -1),
        ("u", 1 << 32),
        ("u", "1"),
        ("i", 1 << 31),
        ("o", "no/path"),
        ("o", "/trailing/"),
        ("o", "/a-b"),
        ("as", "text"),
        ("as", 5),
        ("(ss)", ("one",)),
        ("a{ss}", ("no", "mapping")),
        ("g", "z"),
        ("v", Variant("ss", ("a", "b"))),
        ("v", 1),
        ("h", 0),
    ],
)
def test_what_the_bus_would_drop_us_for_is_not_encoded(signature: str, value: Any) -> None:
    with pytest.raises(WireError):
        encode(signature, (value,))


def test_the_number_of_values_counts() -> None:
    with pytest.raises(WireError):
        encode("ss", ("one",))
    with pytest.raises(WireError):
        encode("", ("one",))


@pytest.mark.parametrize("body", [b"", b"\1\0\0\0a", b"\1\0\0\0a\0more"])
def test_a_body_that_is_not_its_signature(body: bytes) -> None:
    with pytest.raises(WireError):
        decode_body(Message(CALL, signature="s", body=body))


def test_a_call_survives_the_wire() -> None:
    data = outgoing.method_call(7, _TARGET, "s", encode("s", ("loop",)), flags=4)
    message = decode_message(data)
    assert message[:9] == (CALL, 4, 7, "/org/kmodd1", "org.kmodd1.Manager", "GetModule", "", 0, "org.kmodd1")
    assert decode_body(message) == ("loop",)
    assert message.wants_reply


def test_answers_and_signals_survive_the_wire() -> None:
    call = Message(CALL, serial=9, sender=":1.5")
    answer = decode_message(outgoing.method_return(1, call, "u", encode("u", (3,))))
    assert (answer.kind, answer.reply_serial, answer.destination) == (RETURN, 9, ":1.5")
    refusal = decode_message(outgoing.error(2, call, "org.kmodd1.Error.Busy", "later"))
    assert (refusal.kind, refusal.error_name, decode_body(refusal)) == (
        ERROR,
        "org.kmodd1.Error.Busy",
        ("later",),
    )
    signal = decode_message(outgoing.signal(3, "/a", "org.kmodd1.Manager", "Signal", "", b""))
    assert (signal.kind, signal.path, signal.member, signal.body) == (SIGNAL, "/a", "Signal", b"")


def test_a_big_endian_message_is_read() -> None:
    fields = b"".join(
        (
            b"\1\1o\0" + struct.pack(">I", 2) + b"/a\0" + bytes(5),
            b"\3\1s\0" + struct.pack(">I", 4) + b"Open\0" + bytes(3),
            b"\x08\1g\0" + b"\1u\0",
        )
    )
    fixed = struct.pack(">BBBBIII", ord("B"), CALL, 0, 1, 4, 77, len(fields))
    message = decode_message(fixed + fields + bytes(-len(fields) % 8) + struct.pack(">I", 258))
    assert (message.path, message.member, message.serial) == ("/a", "Open", 77)
    assert decode_body(message) == (258,)


@pytest.mark.parametrize(
    "fields",
    [
        b"\0\1s\0\0\0\0\0\0",  # field 0 is invalid by the specification
        b"\1\1s\0\2\0\0\0/a\0",  # a path that is a string
        b"\3\1s\0\xff\0\0\0Open\0",  # a member longer than the header
        b"\3\1s\0\1\0\0\0\xff\0",  # not UTF-8
        b"\3\1s\0\4\0\0\0Open\0",  # no path
        # A sender that no answer could name.
        b"\1\1o\0\2\0\0\0/a\0".ljust(16, b"\0")
        + b"\3\1s\0\1\0\0\0A\0".ljust(16, b"\0")
        + b"\7\1s\0\4\0\0\0:1\x002\0",
    ],
)
def test_malformed_headers(fields: bytes) -> None:
    fixed = struct.pack("<BBBBIII", ord("l"), CALL, 0, 1, 0, 1, len(fields))
    with pytest.raises(WireError):
        decode_message(fixed + fields + bytes(-len(fields) % 8))
