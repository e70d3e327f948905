"""Properties of a binding as bytes: one, all (``a{sv}``), or those that changed."""

from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from itertools import compress, repeat
from operator import ne

from kmodd.bus import names
from kmodd.bus.edge import Failure, attempt
from kmodd.bus.encode import PAD, close_array, encode, encode_into, open_array
from kmodd.bus.message import CallError
from kmodd.bus.table import Interface, Property
from kmodd.bus.tree import Binding


def one(binding: Binding, name: str) -> bytes:
    """A property as the body of an answer (``v``); raises CallError, or whatever its getter raises."""
    each = binding.interface.properties.get(name)
    if each is None:
        raise CallError(names.UNKNOWN_PROPERTY, f"{binding.interface.name} has no such property")
    out = bytearray(encode("g", (each.signature,)))
    encode_into(out, each.signature, (each.getter(binding.target),))
    return bytes(out)


def append_all(out: bytearray, bindings: Iterable[Binding]) -> None:
    """Append an ``a{sv}`` of every property that can be read; ``out`` is a whole body so far."""
    begin = open_array(out, first_aligned_to_8=True)
    out += _joined(map(entries, bindings))
    close_array(out, begin)


def entries(binding: Binding) -> bytes:
    """The entries of an ``a{sv}``, to be put at a multiple of 8; kept while the target does not change."""
    if binding.block is not None:
        return binding.block
    read = snapshot(binding)
    block = _joined(_entry(binding.interface, each, read[each.name]) for each in _all(binding))
    if binding.frozen:
        binding.block = block
    return block


def moved(before: Binding, after: Binding) -> list[Property]:
    """Properties that may read otherwise now that the target is another one; those are few, mostly."""
    attributes = after.interface.attributes
    old, new = (map(getattr, repeat(each.target), attributes) for each in (before, after))
    differing = set(compress(attributes, map(ne, old, new)))
    return [each for each in _all(after) if not each.attribute or each.attribute in differing]


def snapshot(binding: Binding, which: Iterable[Property] | None = None) -> dict[str, object]:
    """The value of each property by name, a Failure for one that cannot be read; for changes()."""
    return {
        each.name: attempt(partial(each.getter, binding.target), _label(binding.interface, each))
        for each in (_all(binding) if which is None else which)
    }


def changes(interface: Interface, before: Mapping[str, object], after: Mapping[str, object]) -> bytes | None:
    """Body of PropertiesChanged (``sa{sv}as``) from one snapshot to the next; None when nothing changed."""
    differing = [
        _entry(interface, interface.properties[name], value)
        for name, value in after.items()
        if value != before.get(name) and not interface.properties[name].constant
    ]
    if not any(differing):
        return None
    out = bytearray(encode("s", (interface.name,)))
    begin = open_array(out, first_aligned_to_8=True)
    out += _joined(differing)
    close_array(out, begin)
    encode_into(out, "as", ((),))
    return bytes(out)


def _all(binding: Binding) -> Iterable[Property]:
    return binding.interface.properties.values()


def _joined(parts: Iterable[bytes]) -> bytes:
    """``parts`` one after the other, each at a multiple of 8."""
    out = bytearray()
    for part in filter(None, parts):
        out += PAD[-len(out) & 7]
        out += part
    return bytes(out)


def _entry(interface: Interface, each: Property, value: object) -> bytes:
    """One entry of an ``a{sv}``, to be put at a multiple of 8; empty for what could not be read or sent."""
    if isinstance(value, Failure):
        return b""
    out = bytearray(_entry_begin(each.name, each.signature))
    failure = attempt(partial(encode_into, out, each.signature, (value,)), _label(interface, each))
    return b"" if failure else bytes(out)


def _label(interface: Interface, each: Property) -> str:
    return f"{interface.name}.{each.name}"


@lru_cache(maxsize=256)
def _entry_begin(name: str, signature: str) -> bytes:
    return encode("sg", (name, signature))
