"""What /proc says: modules, release, command line, whether loading is switched off. Pure parsers first."""

import os
import re
from collections.abc import Container

from kmodd.errors import ErrorKind, KmoddError
from kmodd.model import ObservedModule
from kmodd.names import ModuleName, printable
from kmodd.shown import ModuleState

_NAME = "[A-Za-z0-9_][A-Za-z0-9_-]{0,54}"
# name size refcount holders state address (taint); kernel/module/procfs.c, m_show() and print_unload_info().
_LINE = re.compile(
    rf"^({_NAME}) (\d{{1,19}}) (-?\d{{1,10}}|-) ((?:{_NAME},|\[permanent\],)+|-)"
    r" (Live|Loading|Unloading) \S+(?: \(([A-Z+-]+)\))?$",
    re.ASCII | re.MULTILINE,
)
_REFCOUNT_LIMIT = 2**31 - 1  # an int (include/linux/module.h), and on the bus too
_STATES = {
    "Live": ModuleState.LOADED,
    "Loading": ModuleState.LOADING,
    "Unloading": ModuleState.UNLOADING,
}
# isspace() of the kernel, lib/ctype.c: bytes, and 0xa0 is among them.
_BLANKS = " \t\n\v\f\r\xa0"


def parse_modules(text: str, only: Container[ModuleName] | None = None) -> dict[ModuleName, ObservedModule]:
    """Modules of a /proc/modules text, all or those of ``only``; lines of no kernel are left out."""
    modules = {}
    if only is not None:
        lines = text.split("\n")
        text = "\n".join(line for line in lines if line.partition(" ")[0].replace("-", "_") in only)
    for name, size, refcount, holders, state, taint in _LINE.findall(text):
        if refcount != "-" and int(refcount) > _REFCOUNT_LIMIT:
            continue
        canonical = _named(name)
        # "-" comes from a kernel that cannot unload, -1 from a module that is going.
        references = 0 if refcount == "-" else max(0, int(refcount))
        holding = () if holders == "-" else _holders(holders)
        seen = ObservedModule(canonical, _STATES[state], references, holding, int(size), taint)
        permanent = "[permanent]" in holders or refcount == "-"
        modules[canonical] = seen._replace(permanent=True) if permanent else seen
    return modules


def _named(name: str) -> ModuleName:
    return ModuleName(name.replace("-", "_"))


def _holders(field: str) -> tuple[ModuleName, ...]:
    """Names in ``a,b,``; "[permanent]", which stands among them for a module without exit, is not one."""
    names = field.replace("-", "_").removesuffix(",").split(",")
    return tuple(ModuleName(name) for name in names if name != "[permanent]")


def parse_command_line(text: str) -> tuple[str, ...]:
    """Words of a command line, a byte a character, cut and unquoted as next_arg() of lib/cmdline.c does."""
    words = []
    rest = text.lstrip(_BLANKS).rstrip("\n")
    while rest:
        end = _word_end(rest)
        words.append(_unquoted(rest[:end]))
        rest = rest[end:].lstrip(_BLANKS)
    return tuple(words)


def _word_end(text: str) -> int:
    """Index of the first blank that stands outside of double quotes; the length if there is none."""
    quoted = False
    for index, character in enumerate(text):
        if character in _BLANKS and not quoted:
            return index
        quoted ^= character == '"'
    return len(text)


def _unquoted(word: str) -> str:
    """``word`` without the quotes around itself or around its value; at most one is taken from the end."""
    bare = word[1:].removesuffix('"') if word.startswith('"') else word
    key, equals, value = bare.partition("=")
    if not equals or not value.startswith('"'):
        return bare
    inner = value[1:] if bare != word else value[1:].removesuffix('"')
    return f"{key}={inner}"


def read_modules(proc: str, only: Container[ModuleName] | None = None) -> dict[ModuleName, ObservedModule]:
    """Every module in the kernel, or those of ``only`` among them. Raises NO_MODULE_SUPPORT."""
    path = f"{proc}/modules"
    try:
        return parse_modules(_read(path), only)
    except FileNotFoundError:
        raise KmoddError(
            ErrorKind.NO_MODULE_SUPPORT,
            f"the running kernel has no loadable modules: {path} does not exist",
            "boot a kernel that is built with CONFIG_MODULES=y"
            if os.path.exists(f"{proc}/version")
            else f"mount proc on {proc}",
        ) from None


def read_release(proc: str) -> str:
    """Kernel release, as uname(2) gives it."""
    return printable(_read(f"{proc}/sys/kernel/osrelease").strip())


def read_command_line(proc: str) -> tuple[str, ...]:
    """Words of the kernel command line. The kernel cuts it at bytes, so it is text only afterwards."""
    words = parse_command_line(_read_bytes(f"{proc}/cmdline").decode("latin-1"))
    return tuple(printable(word.encode("latin-1").decode("utf-8", "replace")) for word in words)


def read_modules_disabled(proc: str) -> bool:
    """Whether loading and unloading are switched off until the next boot (sysctl kernel.modules_disabled)."""
    try:
        return _read(f"{proc}/sys/kernel/modules_disabled").strip() == "1"
    except FileNotFoundError:
        return False


def _read(path: str) -> str:
    return _read_bytes(path).decode("utf-8", "replace")


def _read_bytes(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.readall()
