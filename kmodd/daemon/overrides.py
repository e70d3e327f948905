"""Overrides: what callers want of a module until the next boot, each a drop-in of its own.

A drop-in, because then the compiler, provenance and hiding treat it as any other. Its name has the last word.
"""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from kmodd.config.paths import ConfigPaths
from kmodd.errors import ErrorKind, KmoddError
from kmodd.files import write_atomically
from kmodd.model import Catalog
from kmodd.names import ModuleName, is_module_name, printable
from kmodd.shown import Severity

PREFIX, SUFFIX = "zz-override-", ".toml"


class Overrides:
    """The drop-ins in ``paths.overrides_dir``; the one who calls sees to it that it is one change at a time.

    ``recompile`` has the files compiled and a pass made, and returns the catalog in force.
    """

    def __init__(self, paths: ConfigPaths, recompile: Callable[[], Awaitable[Catalog]]) -> None:
        self._directory = paths.overrides_dir
        higher = paths.directories[: _index(paths)]
        self._higher = higher
        self._recompile = recompile
        self._journal = paths.runtime_dir / "override.json"

    async def set(self, name: ModuleName, text: str) -> None:
        """Put ``text`` in the place of the module's override.

        Raises INVALID_CONFIG with every message, after which all is as it was, and STATE_NOT_WRITABLE.
        """
        self._refuse_hidden(name)
        before = self._read(name)
        with _writing(self._directory):
            # For the case that kmodd dies before the file is judged: who got no answer changed nothing.
            write_atomically(self._journal, json.dumps([name, before]).encode())
            self._write(name, text)
        try:
            await self._judge(name)
        except KmoddError:
            self.recover()
            with suppress(KmoddError):  # the pass has said it
                await self._recompile()
            raise
        self._journal.unlink(missing_ok=True)

    async def clear(self, name: ModuleName) -> None:
        """Take the module's override away. Raises NOT_FOUND, STATE_NOT_WRITABLE, and as the pass after it."""
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            raise KmoddError(
                ErrorKind.NOT_FOUND,
                f"there is no override of {name}",
                f"{self._directory} has those there are",
            ) from None
        except OSError as error:
            raise _not_writable(self._directory, error) from error
        await self._recompile()

    def kept(self) -> dict[ModuleName, str]:
        """Every override there is, by module. Raises STATE_NOT_WRITABLE for what cannot be read."""
        try:
            names = [path.name for path in self._directory.glob(f"{PREFIX}*{SUFFIX}")]
        except OSError as error:
            raise _not_writable(self._directory, error) from error
        modules = [name.removeprefix(PREFIX).removesuffix(SUFFIX) for name in names]
        return {ModuleName(n): self._read(ModuleName(n)) or "" for n in sorted(modules) if is_module_name(n)}

    def restore(self, kept: Mapping[ModuleName, str]) -> None:
        """Have these and no others. Raises STATE_NOT_WRITABLE; what could be put back is."""
        now = self.kept()
        for name in now.keys() - kept.keys():
            self._put_back(name, None)
        for name, text in kept.items():
            if now.get(name) != text:
                self._put_back(name, text)

    def recover(self) -> None:
        """Undo what was not finished. Raises STATE_NOT_WRITABLE."""
        try:
            name, before = json.loads(self._journal.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValueError):
            name, before = "", None
        if isinstance(name, str) and is_module_name(name) and isinstance(before, str | None):
            self._put_back(ModuleName(name), before)
        self._journal.unlink(missing_ok=True)

    def _put_back(self, name: ModuleName, text: str | None) -> None:
        with _writing(self._directory):
            if text is None:
                self._path(name).unlink(missing_ok=True)
            else:
                self._write(name, text)

    async def _judge(self, name: ModuleName) -> None:
        """Have it compiled; raises INVALID_CONFIG if the compiler refuses it."""
        catalog = await self._recompile()
        file = printable(str(self._path(name)))
        errors = [i for i in catalog.issues if i.severity is Severity.ERROR and i.location.file == file]
        if errors:
            lines = "\n".join(f"{issue.message} ({issue.hint})" for issue in errors)
            raise KmoddError(ErrorKind.INVALID_CONFIG, lines)

    def _refuse_hidden(self, name: ModuleName) -> None:
        for directory in self._higher:
            path = directory / self._path(name).name
            if path.exists() or path.is_symlink():
                message = f"{path} hides every override of {name}"
                raise KmoddError(ErrorKind.INVALID_CONFIG, message, "take that file away, or change it")

    def _path(self, name: ModuleName) -> Path:
        return self._directory / f"{PREFIX}{name}{SUFFIX}"

    def _read(self, name: ModuleName) -> str | None:
        try:
            return self._path(name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise _not_writable(self._directory, error) from error

    def _write(self, name: ModuleName, text: str) -> None:
        self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_atomically(self._path(name), text.encode(), mode=0o644)


@contextmanager
def _writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _not_writable(directory, error) from error


def _not_writable(directory: Path, error: OSError | ValueError) -> KmoddError:
    why = error.strerror if isinstance(error, OSError) else "a file is not UTF-8"
    message, hint = f"an override cannot be kept: {why}", "see that the file system is there and not full"
    return KmoddError(ErrorKind.STATE_NOT_WRITABLE, message, hint, str(directory))


def _index(paths: ConfigPaths) -> int:
    """Where the directory of overrides stands among all."""
    return paths.directories.index(paths.overrides_dir) if paths.overrides_dir in paths.directories else 0
