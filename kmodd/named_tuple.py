"""NamedTuple as that of typing, for what is imported when kmodd or kmoddctl starts.

Each class of typing's is a class of collections.namedtuple, whose methods are compiled from a text when the
module is imported. A hundred of them were a tenth of the time until the daemon is ready, and typing itself
with what it imports is most of a short command's. These have their methods in common.

To whoever checks types it is typing's, and the tests hold the one against the other. A module with such a
class begins with ``from __future__ import annotations``: only the names of fields are read.
"""

__all__ = ["NamedTuple"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    # What collections.namedtuple reads a field with.
    from _collections import _tuplegetter

    _MISSING = object()
    _tuple = tuple.__new__

    class _NamedTupleType(type):
        """Makes classes of tuples whose fields are the annotations of the class, with their defaults."""

        def __new__(meta, name, bases, namespace):
            fields = tuple(namespace.get("__annotations__", ()))
            defaults = {field: namespace.pop(field) for field in fields if field in namespace}
            getters = {field: _tuplegetter(at, None) for at, field in enumerate(fields)}
            about = {
                "_fields": fields,
                "_field_defaults": defaults,
                "_defaults": tuple(defaults.values()),
                "_required": tuple(field for field in fields if field not in defaults),
                "_unfilled": dict.fromkeys(fields, _MISSING) | defaults,
                "__match_args__": fields,
                "__slots__": (),
            }
            return super().__new__(meta, name, bases, {**namespace, **getters, **about})

    class NamedTuple(tuple, metaclass=_NamedTupleType):
        """As typing.NamedTuple, without a docstring for each field."""

        def __new__(cls, *values, **named):
            if named:
                values = cls._completed(values, named)
            elif len(values) != len(cls._fields):
                values = cls._followed_by_defaults(values)
            return _tuple(cls, values)

        @classmethod
        def _followed_by_defaults(cls, values):
            """As _completed, for values without names."""
            missing = len(cls._fields) - len(values)
            if not 0 < missing <= len(cls._defaults):
                raise cls._wrong()
            return values + cls._defaults[-missing:]

        @classmethod
        def _completed(cls, values, named):
            """A value for each field, in order; raises TypeError."""
            found = {**cls._unfilled, **dict(zip(cls._fields, values, strict=False)), **named}
            if len(found) != len(cls._fields) or len(values) > len(cls._fields):
                raise cls._wrong()
            if values and not named.keys().isdisjoint(cls._fields[: len(values)]):
                raise cls._wrong()
            for field in cls._required:
                if found[field] is _MISSING:
                    raise cls._wrong()
            return found.values()

        @classmethod
        def _wrong(cls):
            return TypeError(f"{cls.__name__} has the fields {', '.join(cls._fields)}")

        @classmethod
        def _make(cls, values):
            made = _tuple(cls, values)
            if len(made) != len(cls._fields):
                raise cls._wrong()
            return made

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, **changes):
            found = dict(zip(self._fields, self, strict=True))
            found.update(changes)
            if len(found) != len(self):
                raise self._wrong()
            return _tuple(type(self), found.values())

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            values = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({values})"
