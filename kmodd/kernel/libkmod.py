"""libkmod.so.2 through ctypes: thin objects that own what the library gives out.

Works with kmod 30 and later. A context belongs to one thread and is to be used at once: it does not notice
that a modprobe.d file was edited in place (kmod_validate_resources looks at directories only).

Imported by the loader: nothing heavy in here. All text that the library returns is hostile.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from ctypes import byref, c_char_p, c_void_p

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.libkmod_table import PRINT_ACTION, RUN_INSTALL, SIGNATURES, SONAME, Signature
from kmodd.named_tuple import NamedTuple
from kmodd.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Final, Self

_BUILTIN: Final = 0  # enum kmod_module_initstate
_REMOVE_NOWAIT: Final = os.O_NONBLOCK  # enum kmod_remove; never KMOD_REMOVE_FORCE
# enum kmod_probe
_PROBE_IGNORE_LOADED: Final = 0x8
_PROBE_DRY_RUN: Final = 0x10
BLACKLIST_STOPS_ALL: Final = 0x20000  # KMOD_PROBE_APPLY_BLACKLIST: udev and systemd-modules-load
BLACKLIST_STOPS_ALIASES: Final = 0x40000  # ..._ALIAS_ONLY: modprobe, which is what request_module() runs too


class Action(NamedTuple):
    """What libkmod would do to one module: insert its file, or run an install command in place of that."""

    name: str
    path: str
    runs_command: bool
    command: str


class Library:
    """The functions of the table, as attributes."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, soname: str = SONAME) -> None:
        """Open the library by its soname (find_library would start processes). Raises NO_LIBKMOD."""
        try:
            shared_object = ctypes.CDLL(soname)
            functions = {signature.name: _bind(shared_object, signature) for signature in SIGNATURES}
        except (OSError, AttributeError) as error:
            raise KmoddError(
                ErrorKind.NO_LIBKMOD,
                f"{soname} cannot be used: {printable(str(error))}",
                "install the package with libkmod (Debian: libkmod2, Fedora: kmod-libs), version 30 or later",
            ) from error
        vars(self).update(functions)
        # Since kmod 33, which brought weakdeps, files of modprobe.d that end in .alias are not read any more.
        self.reads_alias_files = not hasattr(shared_object, "kmod_module_get_weakdeps")


def _bind(shared_object: ctypes.CDLL, signature: Signature) -> Any:
    function = getattr(shared_object, signature.name)
    function.argtypes = signature.arguments
    function.restype = signature.result
    function.errcheck = signature.check
    return function


class Context:
    """A libkmod context: modprobe.d and the kernel command line as they are now, and a module tree."""

    def __init__(
        self,
        library: Library,
        module_tree: str | None = None,
        conf_paths: tuple[str, ...] | None = None,
    ) -> None:
        """``conf_paths`` are files of modprobe.d, or directories of them.

        ``None`` is libkmod's own choice: /lib/modules/RELEASE, and the directories of modprobe.d(5).
        """
        self.library = library
        tree = None if module_tree is None else os.fsencode(module_tree)
        self._handle: int | None = library.kmod_new(tree, _string_array(conf_paths))
        library.kmod_set_log_fn(self._handle, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.library.kmod_unref(self._handle)
        self._handle = None

    def load_indexes(self) -> None:
        """Map modules.*.bin, as many lookups will follow. Raises OSError for a tree without them."""
        self.library.kmod_load_resources(self._handle)

    def module(self, name: str) -> Module:
        """Module of that name, whether it exists or not."""
        return self._module(self.library.kmod_module_new_from_name, name)

    def module_at(self, path: str) -> Module:
        """Module in the file ``path``. Raises OSError."""
        return self._module(self.library.kmod_module_new_from_path, path)

    def resolve(self, alias: str) -> tuple[str, ...]:
        """Names of the modules that modprobe would load for ``alias``; empty for an unknown one."""
        found = c_void_p()
        self.library.kmod_module_new_from_lookup(self._handle, os.fsencode(alias), byref(found))
        return _take_names(self.library, found.value)

    def rehearse(self, alias: str, flags: int) -> tuple[Action, ...]:
        """What would be done, in order, if somebody asked for ``alias``; nothing is, and no command runs.

        ``flags`` is BLACKLIST_STOPS_ALL or BLACKLIST_STOPS_ALIASES. Empty for an unknown alias. Raises
        OSError for one that libkmod refuses.
        """
        library = self.library
        found = c_void_p()
        library.kmod_module_new_from_lookup(self._handle, os.fsencode(alias), byref(found))
        actions: list[Action] = []
        for entry in _entries(library, found.value):
            with Module(library, library.kmod_module_get_module(entry)) as module:
                actions += module.rehearse(flags)
        library.kmod_module_unref_list(found)
        return tuple(actions)

    def blacklist(self) -> frozenset[str]:
        """Names under ``blacklist`` in modprobe.d and modprobe.blacklist= on the kernel command line."""
        library = self.library
        cursor = library.kmod_config_get_blacklists(self._handle)
        names = set()
        while library.kmod_config_iter_next(cursor):
            names.add(text(library.kmod_config_iter_get_key(cursor)))
        library.kmod_config_iter_free_iter(cursor)
        return frozenset(names)

    def _module(self, constructor: Any, argument: str) -> Module:
        handle = c_void_p()
        constructor(self._handle, os.fsencode(argument), byref(handle))
        return Module(self.library, handle.value)


class Module:
    """A module as the context knows it; to be used within ``with`` and before the context ends."""

    def __init__(self, library: Library, handle: int | None) -> None:
        self._library = library
        self._handle = handle

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._library.kmod_module_unref(self._handle)
        self._handle = None

    @property
    def path(self) -> str:
        """Its file; "" for a builtin, for an unknown name, and for a path that is not plain text."""
        path = text(self._library.kmod_module_get_path(self._handle))
        return path if "\ufffd" not in path and "\\" not in path else ""

    @property
    def is_builtin(self) -> bool:
        """Whether modules.builtin lists it; the other states come from /sys of the running kernel."""
        return bool(self._library.kmod_module_get_initstate(self._handle) == _BUILTIN)

    @property
    def options(self) -> str:
        """Options of modprobe.d and the kernel command line, as finit_module(2) takes them."""
        options = self._library.kmod_module_get_options(self._handle) or b""
        return text(options.replace(b"\t", b" "))

    @property
    def install_command(self) -> str:
        """``install`` of modprobe.d."""
        return text(self._library.kmod_module_get_install_commands(self._handle))

    @property
    def remove_command(self) -> str:
        """``remove`` of modprobe.d."""
        return text(self._library.kmod_module_get_remove_commands(self._handle))

    def dependencies(self) -> tuple[str, ...]:
        """Every module that has to be in first, in order of loading."""
        return _take_names(self._library, self._library.kmod_module_get_dependencies(self._handle))

    def softdeps(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Softdeps before and after; the first match in modprobe.d and modules.softdep counts."""
        before, after = c_void_p(), c_void_p()
        self._library.kmod_module_get_softdeps(self._handle, byref(before), byref(after))
        return _take_names(self._library, before.value), _take_names(self._library, after.value)

    def info(self) -> tuple[tuple[str, str], ...]:
        """Keys and values of .modinfo and of the signature. Raises OSError if the file cannot be read."""
        library = self._library
        head = c_void_p()
        library.kmod_module_get_info(self._handle, byref(head))
        pairs = tuple(
            (text(library.kmod_module_info_get_key(entry)), text(library.kmod_module_info_get_value(entry)))
            for entry in _entries(library, head.value)
        )
        library.kmod_module_info_free_list(head)
        return pairs

    def symbols(self) -> tuple[str, ...]:
        """Names of the symbols that its file exports. Raises OSError if the file cannot be read."""
        library = self._library
        head = c_void_p()
        library.kmod_module_get_symbols(self._handle, byref(head))
        names = _texts(library, head.value, library.kmod_module_symbol_get_symbol)
        library.kmod_module_symbols_free_list(head)
        return names

    def needed_symbols(self) -> tuple[str, ...]:
        """Names of the symbols that its file needs of others. Raises OSError if the file cannot be read."""
        library = self._library
        head = c_void_p()
        library.kmod_module_get_dependency_symbols(self._handle, byref(head))
        names = _texts(library, head.value, library.kmod_module_dependency_symbol_get_symbol)
        library.kmod_module_dependency_symbols_free_list(head)
        return names

    def rehearse(self, flags: int) -> list[Action]:
        """As ``Context.rehearse``, for a module that a lookup has found."""
        library = self._library
        actions: list[Action] = []

        def note(handle: int | None, runs_command: bool, _options: bytes | None) -> None:
            # Nothing may be raised in here: ctypes would print it and go on.
            name, path = library.kmod_module_get_name(handle), library.kmod_module_get_path(handle)
            command = (runs_command and library.kmod_module_get_install_commands(handle)) or b""
            actions.append(Action(text(name), text(path), runs_command, text(command.replace(b"\t", b" "))))

        # Both are alive until the call returns, which is all that libkmod needs. Without the second, a
        # libkmod whose dry run runs commands would hand them to a shell.
        callback, refuse = PRINT_ACTION(note), RUN_INSTALL(lambda _module, _command, _data: -errno.EPERM)
        library.kmod_module_probe_insert_module(
            self._handle, flags | _PROBE_DRY_RUN | _PROBE_IGNORE_LOADED, None, refuse, None, callback
        )
        return actions

    def insert(self, options: str) -> int:
        """Insert the file into the kernel, never by force; errno, 0 for success (finit_module(2))."""
        return -int(self._library.kmod_module_insert_module(self._handle, 0, options.encode("utf-8")))

    def remove(self) -> int:
        """Remove it from the kernel, never by force; errno, 0 for success (delete_module(2))."""
        return -int(self._library.kmod_module_remove_module(self._handle, _REMOVE_NOWAIT))


def text(raw: bytes | None) -> str:
    """Text of the library, escaped; "" for NULL."""
    return "" if raw is None else printable(raw.decode("utf-8", "replace"))


def _string_array(strings: tuple[str, ...] | None) -> Any:
    """``strings`` as a NULL-terminated ``char *[]``; None stays NULL."""
    if strings is None:
        return None
    return (c_char_p * (len(strings) + 1))(*map(os.fsencode, strings), None)


def _entries(library: Library, head: int | None) -> Iterator[int]:
    """Nodes of a kmod_list."""
    entry = head
    while entry is not None:
        yield entry
        entry = library.kmod_list_next(head, entry)


def _texts(library: Library, head: int | None, getter: Any) -> tuple[str, ...]:
    """What ``getter`` says of each entry of a list, which stays the caller's."""
    return tuple(text(getter(entry)) for entry in _entries(library, head))


def _take_names(library: Library, head: int | None) -> tuple[str, ...]:
    """Names of the modules in a list, which is freed."""
    names = []
    for entry in _entries(library, head):
        module = library.kmod_module_get_module(entry)
        names.append(text(library.kmod_module_get_name(module)))
        library.kmod_module_unref(module)
    library.kmod_module_unref_list(head)
    return tuple(names)
