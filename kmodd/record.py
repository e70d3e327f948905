"""Named tuples for what a short command imports: without typing, collections and what those import.

To whoever checks types a Record is a typing.NamedTuple, and the tests hold the one against the other. Its
module begins with ``from __future__ import annotations``: only the names of fields are read.
"""

__all__ = ["Record"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as Record
else:
    # What collections.namedtuple reads a field with.
    from _collections import _tuplegetter

    class _RecordType(type):
        """Makes classes of tuples whose fields are the annotations of the class, with their defaults."""

        def __new__(meta, name, bases, namespace):
            fields = tuple(namespace.get("__annotations__", ()))
            defaults = {field: namespace.pop(field) for field in fields if field in namespace}
            getters = {field: _tuplegetter(at, None) for at, field in enumerate(fields)}
            about = {
                "_fields": fields,
                "_field_defaults": defaults,
                "__match_args__": fields,
                "__slots__": (),
            }
            return super().__new__(meta, name, bases, {**namespace, **getters, **about})

    class Record(tuple, metaclass=_RecordType):
        """As typing.NamedTuple, without a docstring for each field."""

        def __new__(cls, *values, **named):
            if named or len(values) != len(cls._fields):
                values = cls._completed(values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _completed(cls, values, named):
            """A value for each field; raises TypeError."""
            given = {**dict(zip(cls._fields, values, strict=False)), **named}
            found = {**cls._field_defaults, **given}
            if len(values) + len(named) != len(given) or found.keys() != set(cls._fields):
                raise TypeError(f"{cls.__name__} has the fields {', '.join(cls._fields)}")
            return map(found.__getitem__, cls._fields)

        @classmethod
        def _make(cls, values):
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"{cls.__name__} has the fields {', '.join(cls._fields)}")
            return made

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, **changes):
            return type(self)(**{**self._asdict(), **changes})

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            values = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({values})"
