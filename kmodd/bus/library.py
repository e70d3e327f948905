"""The only place that knows dbus_next: which text is a signature. Imported for those that are not our own.

Only one of its leaf modules is wanted. The package itself would run all of them: glib (and with it gi),
service (with typing.no_type_check_decorator, deprecated in Python 3.13), proxies and an XML parser.
"""

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any

_PACKAGE = "dbus_next"


def _import_signature() -> Any:
    """The leaf module, with a package around it that was found but not executed."""
    # errors first: it is in a circle with signature that can be entered there only.
    names = [f"{_PACKAGE}.{leaf}" for leaf in ("errors", "signature")]
    if _PACKAGE in sys.modules:
        return [import_module(name) for name in names][-1]
    spec = find_spec(_PACKAGE)
    if spec is None:
        raise ModuleNotFoundError("kmodd needs dbus-next 0.2.3", name=_PACKAGE)
    sys.modules[_PACKAGE] = module_from_spec(spec)
    try:
        return [import_module(name) for name in names][-1]
    finally:
        del sys.modules[_PACKAGE]  # whoever wants the whole package gets it


_signature = _import_signature()
_BASIC = frozenset("ybnqiuxtdhsog")


def is_signature(text: str) -> bool:
    """Whether it is single complete types, or nothing (D-Bus specification, Valid Signatures)."""
    try:
        return all(map(_is_valid, _signature.SignatureTree(text).types))
    except (ValueError, IndexError, RecursionError):
        return False


def _is_valid(kind: Any, *, in_array: bool = False) -> bool:
    """What dbus_next does not ask: a dictionary entry stands in an array only, and has a basic key."""
    begins = kind.token
    if begins == "{" and not (in_array and kind.children[0].token in _BASIC):
        return False
    return all(_is_valid(child, in_array=begins == "a") for child in kind.children)
