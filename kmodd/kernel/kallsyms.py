"""Init functions of builtins, from /proc/kallsyms: ``initcall_blacklist=FUNCTION`` is all that stops them.

Imported by the loader: nothing heavy in here.
"""

import re
from collections.abc import Collection, Iterator
from typing import Final

from kmodd.kernel.reading import chunks

_CHUNK: Final = 2**18
_SIZE_LIMIT: Final = 2**27  # a kernel with all its symbols has some 12 MB
_FUNCTIONS_LIMIT: Final = 16
# __initcall__kmod_NAME__COUNTER_LINE_FUNCTIONLEVEL (include/linux/init.h, ____define_initcall()).
_INITCALL = re.compile(
    rb" __initcall__kmod_(?P<name>[A-Za-z0-9_]{1,55}?)__\d{1,9}_\d{1,9}_(?P<function>[A-Za-z0-9_]{1,128})"
    rb"(?:early|rootfs|con|[0-7]s?)$",
    re.MULTILINE,
)


def init_functions(proc: str, builtins: Collection[str]) -> dict[str, list[str]]:
    """Functions by which each of ``builtins`` begins; empty where the kernel does not show its symbols."""
    found: dict[str, list[str]] = {name: [] for name in builtins}
    if not builtins:
        return found
    for chunk in _whole_lines(f"{proc}/kallsyms"):
        for match in _INITCALL.finditer(chunk):
            functions = found.get(match["name"].decode("ascii"))
            if functions is not None and len(functions) < _FUNCTIONS_LIMIT:
                functions.append(match["function"].decode("ascii"))
    return found


def _whole_lines(path: str) -> Iterator[bytes]:
    """The file in chunks that end with a line; nothing of one that cannot be read."""
    rest = b""
    for chunk in chunks(path, _SIZE_LIMIT, _CHUNK):
        lines, _, rest = (rest + chunk).rpartition(b"\n")
        # What has no end is no line of kallsyms.
        rest = rest[-_CHUNK:]
        yield lines
    yield rest
