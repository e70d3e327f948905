"""Signatures of libkmod.so.2 for ctypes, and what its return values mean. Works with kmod 30 and later.

Imported by the loader: nothing heavy in here.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_bool, c_char_p, c_int, c_uint, c_void_p

from kmodd.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    _Errcheck = Callable[[Any, Any, tuple[Any, ...]], Any]

SONAME: Final = "libkmod.so.2"
LIST: Final = POINTER(c_void_p)
# Called back by kmod_module_probe_insert_module(). A callback is a closure of libffi; under
# MemoryDenyWriteExecute= it needs libffi's static trampolines (3.4 and later, on by default), which map
# a page of the library a second time instead of making memory executable.
PRINT_ACTION: Final = ctypes.CFUNCTYPE(None, c_void_p, c_bool, c_char_p)
RUN_INSTALL: Final = ctypes.CFUNCTYPE(c_int, c_void_p, c_char_p, c_void_p)


def _status(result: int, _function: object, _arguments: tuple[object, ...]) -> int:
    """Negative is an errno."""
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


def _handle(result: int | None, _function: object, _arguments: tuple[object, ...]) -> int:
    """NULL is a failure that has no better reason."""
    if result is None:
        raise MemoryError(SONAME)
    return result


def _as_it_is(result: Any, _function: object, _arguments: tuple[object, ...]) -> Any:
    """NULL and negative numbers are answers."""
    return result


class Signature(NamedTuple):
    """One function of libkmod.h."""

    name: str
    result: Any
    arguments: tuple[Any, ...]
    check: _Errcheck


SIGNATURES: Final = (
    Signature("kmod_new", c_void_p, (c_char_p, c_void_p), _handle),
    Signature("kmod_unref", c_void_p, (c_void_p,), _as_it_is),
    Signature("kmod_set_log_fn", None, (c_void_p, c_void_p, c_void_p), _as_it_is),
    Signature("kmod_load_resources", c_int, (c_void_p,), _status),
    Signature("kmod_config_get_blacklists", c_void_p, (c_void_p,), _handle),
    Signature("kmod_config_iter_next", c_bool, (c_void_p,), _as_it_is),
    Signature("kmod_config_iter_get_key", c_char_p, (c_void_p,), _as_it_is),
    Signature("kmod_config_iter_free_iter", None, (c_void_p,), _as_it_is),
    Signature("kmod_list_next", c_void_p, (c_void_p, c_void_p), _as_it_is),
    Signature("kmod_module_new_from_name", c_int, (c_void_p, c_char_p, LIST), _status),
    Signature("kmod_module_new_from_path", c_int, (c_void_p, c_char_p, LIST), _status),
    Signature("kmod_module_new_from_lookup", c_int, (c_void_p, c_char_p, LIST), _status),
    Signature("kmod_module_unref", c_void_p, (c_void_p,), _as_it_is),
    Signature("kmod_module_unref_list", c_int, (c_void_p,), _status),
    Signature("kmod_module_get_module", c_void_p, (c_void_p,), _handle),
    Signature("kmod_module_get_name", c_char_p, (c_void_p,), _as_it_is),
    Signature("kmod_module_get_path", c_char_p, (c_void_p,), _as_it_is),
    Signature("kmod_module_get_options", c_char_p, (c_void_p,), _as_it_is),
    Signature("kmod_module_get_install_commands", c_char_p, (c_void_p,), _as_it_is),
    Signature("kmod_module_get_remove_commands", c_char_p, (c_void_p,), _as_it_is),
    Signature("kmod_module_get_initstate", c_int, (c_void_p,), _as_it_is),
    Signature("kmod_module_get_dependencies", c_void_p, (c_void_p,), _as_it_is),
    Signature("kmod_module_get_softdeps", c_int, (c_void_p, LIST, LIST), _status),
    Signature("kmod_module_get_info", c_int, (c_void_p, LIST), _status),
    Signature("kmod_module_info_get_key", c_char_p, (c_void_p,), _as_it_is),
    Signature("kmod_module_info_get_value", c_char_p, (c_void_p,), _as_it_is),
    Signature("kmod_module_info_free_list", None, (c_void_p,), _as_it_is),
    Signature("kmod_module_get_symbols", c_int, (c_void_p, LIST), _status),
    Signature("kmod_module_symbol_get_symbol", c_char_p, (c_void_p,), _as_it_is),
    Signature("kmod_module_symbols_free_list", None, (c_void_p,), _as_it_is),
    Signature("kmod_module_get_dependency_symbols", c_int, (c_void_p, LIST), _status),
    Signature("kmod_module_dependency_symbol_get_symbol", c_char_p, (c_void_p,), _as_it_is),
    Signature("kmod_module_dependency_symbols_free_list", None, (c_void_p,), _as_it_is),
    Signature(
        "kmod_module_probe_insert_module",
        c_int,
        (c_void_p, c_uint, c_char_p, RUN_INSTALL, c_void_p, PRINT_ACTION),
        _as_it_is,
    ),
    Signature("kmod_module_insert_module", c_int, (c_void_p, c_uint, c_char_p), _as_it_is),
    Signature("kmod_module_remove_module", c_int, (c_void_p, c_uint), _as_it_is),
)
