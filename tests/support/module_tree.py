"""A module tree that depmod and libkmod take for real, out of tiny ELF files; no compiler is needed.

ELF-64 relocatables (elf(5)) with what the two look at: .modinfo, the names of exported symbols in
__ksymtab_strings, undefined symbols in .symtab. No kernel would load them.
"""

import struct
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

RELEASE = "6.1.0-test"

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_PROGBITS, _SYMTAB, _STRTAB = 1, 2, 3
_RELOCATABLE, _X86_64 = 1, 62
_GLOBAL = 1 << 4


def module_file(
    modinfo: Iterable[tuple[str, str]] = (), *, exports: Iterable[str] = (), imports: Iterable[str] = ()
) -> bytes:
    """Contents of a .ko file."""
    info = b"".join(f"{key}={value}".encode("utf-8", "surrogateescape") + b"\0" for key, value in modinfo)
    names, offsets = _string_table(imports)
    symbols = _SYMBOL.pack(0, 0, 0, 0, 0, 0)
    symbols += b"".join(_SYMBOL.pack(offset, _GLOBAL, 0, 0, 0, 0) for offset in offsets)
    return _elf(
        [
            (".modinfo", _PROGBITS, info),
            ("__ksymtab_strings", _PROGBITS, b"".join(name.encode() + b"\0" for name in exports)),
            (".strtab", _STRTAB, names),
            (".symtab", _SYMTAB, symbols),
        ]
    )


def _elf(sections: list[tuple[str, int, bytes]]) -> bytes:
    """Header, contents, section table; the section names come last."""
    names, offsets = _string_table([*(name for name, _, _ in sections), ".shstrtab"])
    contents = [*((kind, data) for _, kind, data in sections), (_STRTAB, names)]
    body, table = b"", _SECTION.pack(*[0] * 10)
    for (kind, data), name in zip(contents, offsets, strict=True):
        # .symtab names its string table, which stands right before it.
        link, entry = (len(table) // _SECTION.size - 1, _SYMBOL.size) if kind == _SYMTAB else (0, 0)
        place = _HEADER.size + len(body)
        table += _SECTION.pack(name, kind, 0, 0, place, len(data), link, 0, 8, entry)
        body += data + b"\0" * (-len(data) % 8)
    header = _HEADER.pack(
        b"\x7fELF\x02\x01\x01",
        _RELOCATABLE,
        _X86_64,
        1,
        0,
        0,
        _HEADER.size + len(body),
        0,
        _HEADER.size,
        0,
        0,
        _SECTION.size,
        len(contents) + 1,
        len(contents),
    )
    return header + body + table


def _string_table(names: Iterable[str]) -> tuple[bytes, list[int]]:
    """NUL-terminated strings after an empty one, and where each begins."""
    table, offsets = b"\0", []
    for name in names:
        offsets.append(len(table))
        table += name.encode() + b"\0"
    return table, offsets


@dataclass(slots=True)
class ModuleTree:
    """Files below ``base`` as a distribution would install them; ``depmod()`` after every change."""

    base: Path
    builtins: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """What libkmod takes for /lib/modules/RELEASE."""
        return self.base / "lib/modules" / RELEASE

    @property
    def modprobe_dir(self) -> Path:
        """Where ``configure`` writes."""
        return self.base / "etc/modprobe.d"

    def add(
        self,
        name: str,
        modinfo: Iterable[tuple[str, str]] = (),
        *,
        exports: Iterable[str] = (),
        imports: Iterable[str] = (),
        compress: Callable[[bytes], bytes] | None = None,
        suffix: str = ".ko",
    ) -> Path:
        """Install a module; ``compress`` and ``suffix`` for one that is compressed."""
        path = self.path / "kernel" / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        contents = module_file(modinfo, exports=exports, imports=imports)
        path.write_bytes(compress(contents) if compress else contents)
        return path

    def configure(self, name: str, text: str) -> None:
        """Write a modprobe.d file."""
        self.modprobe_dir.mkdir(parents=True, exist_ok=True)
        (self.modprobe_dir / name).write_text(text)

    def depmod(self) -> "ModuleTree":
        """Make the indexes anew."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.modprobe_dir.mkdir(parents=True, exist_ok=True)
        (self.path / "modules.order").touch()
        (self.path / "modules.builtin").write_text("".join(f"kernel/{name}.ko\n" for name in self.builtins))
        (self.path / "modules.builtin.modinfo").write_bytes(
            b"".join(f"{name}.file=kernel/{name}".encode() + b"\0" for name in self.builtins)
        )
        command = ["depmod", "-b", str(self.base), "-C", str(self.modprobe_dir), RELEASE]
        subprocess.run(
            command, check=True, capture_output=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}
        )
        return self
