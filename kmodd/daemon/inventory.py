"""What the module tree knows of the managed modules: asked once, kept until the tree or modprobe.d changes.

Kept in a file under /run as well, so that a restart asks nobody. The file is ours alone (mode 0600 in a
directory of root's); damaged or of another tree, it is as none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kmodd.errors import ErrorKind, KmoddError
from kmodd.files import BLOCKED, last_word, write_atomically
from kmodd.model import ConfLine, ModuleInfo, Settings
from kmodd.names import ModuleName, is_module_name
from kmodd.shown import Location

if TYPE_CHECKING:
    from kmodd.kernel.ports import Loader

FORMAT = 3
_INDEXES = ("modules.dep.bin", "modules.builtin.bin", "modules.softdep", "modules.alias.bin")


class Inventory:
    """Infos by name; ``tree`` is the module directory of the running kernel."""

    def __init__(self, loader: Loader, cache: Path, tree: Path, modprobe_dirs: tuple[str, ...]) -> None:
        self._loader = loader
        self._cache = cache
        self._tree = tree
        self._modprobe_dirs = modprobe_dirs
        self._generated = loader.modprobe_file = Settings().modprobe_file
        self._stamp = self._stamp_now()
        self.infos = _read(cache, self._stamp)
        self.problem = ""
        """Why nothing can be known of any module, with what to do; "" if that is not so."""

    def leave_out(self, generated: str) -> None:
        """The file of modprobe.d that kmodd itself writes: what it says is known, and no news."""
        if generated != self._generated:
            self._generated = self._loader.modprobe_file = generated
            self.refresh()

    def refresh(self) -> bool:
        """Forget everything if the tree or modprobe.d has changed, and say whether it has."""
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return False
        self._stamp, self.infos, self.problem = stamp, {}, ""
        return True

    async def complete(self, names: Iterable[ModuleName], with_modinfo: frozenset[ModuleName]) -> None:
        """Ask for what is not known yet; without a tree nothing exists. Raises NO_LIBKMOD, LOADER_LOST."""
        missing = [
            name
            for name in names
            if name not in self.infos or (name in with_modinfo and not self.infos[name].has_modinfo)
        ]
        if not missing:
            return
        try:
            found = await self._loader.lookup(missing, with_modinfo=with_modinfo)
        except KmoddError as error:
            if error.kind is not ErrorKind.NO_MODULE_TREE:
                raise
            self.problem = str(error)
            self.infos = {**self.infos, **{name: ModuleInfo(name, has_modinfo=True) for name in missing}}
            return
        self.infos = {**self.infos, **found}
        self._write()

    def _write(self) -> None:
        # What most modules do not have is left out: the next start reads a tenth of it.
        rows = [{f: value for f, value in info._asdict().items() if value} for info in self.infos.values()]
        document = {"format": FORMAT, "stamp": self._stamp, "modules": rows}
        try:
            write_atomically(self._cache, json.dumps(document).encode())
        except OSError:  # a cache: the next start asks again
            with suppress(OSError):
                self._cache.unlink()

    def _stamp_now(self) -> str:
        """Changes with every index of the module tree and every file of modprobe.d."""
        ours = (self._generated, last_word(self._generated))
        marks = [str(self._tree), *(_mark(f"{self._tree}/{name}") for name in _INDEXES)]
        for directory in self._modprobe_dirs:
            try:
                names = sorted(os.listdir(directory))
            except OSError:
                continue
            paths = (os.path.join(directory, name) for name in names if name != BLOCKED)
            marks += [_mark(path) for path in paths if path not in ours]
        return "\n".join(marks)


def _mark(path: str) -> str:
    try:
        facts = os.stat(path)
    except OSError:
        return ""
    return f"{path} {facts.st_ino} {facts.st_size} {facts.st_mtime_ns}"


def _read(cache: Path, stamp: str) -> dict[ModuleName, ModuleInfo]:
    try:
        document = json.loads(cache.read_bytes())
        if document["format"] != FORMAT or document["stamp"] != stamp:
            return {}
        infos = map(_info, document["modules"])
        return {info.name: info for info in infos}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _info(row: Any) -> ModuleInfo:
    """The info that ``row`` was made of; raises TypeError and ValueError for anything else."""
    known = {field: value for field, value in _of_type(row, dict).items() if field in _READERS}
    return ModuleInfo(**{field: _READERS[field](value) for field, value in known.items()})


def _text(value: Any) -> str:
    text: str = _of_type(value, str)
    return text


def _flag(value: Any) -> bool:
    flag: bool = _of_type(value, bool)
    return flag


def _name(value: Any) -> ModuleName:
    if not is_module_name(_of_type(value, str)):
        raise ValueError("module name expected")
    return ModuleName(value)


def _names(value: Any) -> tuple[ModuleName, ...]:
    return tuple(_name(each) for each in _of_type(value, list))


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_of_type(each, str) for each in _of_type(value, list))


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    return tuple((_of_type(name, str), _of_type(kind, str)) for name, kind in _of_type(value, list))


def _conf_lines(value: Any) -> tuple[ConfLine, ...]:
    rows = _of_type(value, list)
    return tuple(_conf_line(file, line, column, text) for (file, line, column), text in rows)


def _conf_line(file: Any, line: Any, column: Any, text: Any) -> ConfLine:
    if not _of_type(text, str).strip():
        raise ValueError("a line says something")
    return ConfLine(Location(_of_type(file, str), _of_type(line, int), _of_type(column, int)), text)


def _of_type(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} expected")
    return value


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "name": _name,
    **{f: _flag if default is False else _text for f, default in ModuleInfo._field_defaults.items()},
    **dict.fromkeys(("dependencies", "softdeps_before", "softdeps_after", "alias_of", "similar"), _names),
    "aliases": _texts,
    "parameter_types": _pairs,
    "conf_lines": _conf_lines,
}
"""Of each field what makes a value of it; raises TypeError or ValueError for anything else."""
