"""Files that kmoddctl itself has made, a module each; a person's own are never written or taken away.

Two kinds: what SetOverride has left in /run/kmodd.d, which is kmodd's to write and only read here, and
``zz-kmoddctl-NAME.toml`` in /etc/kmodd.d, which lasts. The former sorts last, so that it outweighs.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kmodd.config.paths import ConfigPaths, override_name
from kmodd.errors import ErrorKind, KmoddError
from kmodd.names import ModuleName

PREFIX, SUFFIX = "zz-kmoddctl-", ".toml"
HEADER = """\
# Made by kmoddctl(1), which writes the whole of it anew; `kmoddctl clear {name}` takes it away.
# Once anybody has changed it, such as by a comment, kmoddctl leaves it alone.
"""

Table = dict[str, Any]


class OwnFiles:
    """What kmoddctl has set in files below ``paths``."""

    def __init__(self, paths: ConfigPaths) -> None:
        self._lasting = paths.directories[0]
        self._override_dir = paths.overrides_dir
        self._lock = paths.runtime_dir / "kmoddctl.lock"

    def path(self, name: ModuleName) -> Path:
        """Where it lies what lasts of a module."""
        return self._lasting / f"{PREFIX}{name}{SUFFIX}"

    def override(self, name: ModuleName) -> Table:
        """What an override wants of a module in this boot, {} for nothing."""
        return _table(self._override_dir / override_name(name), name) or {}

    def lasting(self, name: ModuleName) -> Table | None:
        """What the file that lasts says of a module, None without one. Raises FAILED for a person's own."""
        path = self.path(name)
        text = _text(path)
        if text is None:
            return None
        table = _table(path, name)
        if table is None or path.is_symlink() or not self._is_as_made(name, table, text):
            raise KmoddError(
                ErrorKind.FAILED,
                f"{path} is not as kmoddctl makes it, so it is left alone",
                "change it with an editor, or move it away",
            )
        return table

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else reads and changes files that last meanwhile; waits for who does (flock(2)).

        Only root can open the lock, and so hold it. Raises NOT_AUTHORIZED, FAILED.
        """
        # Only what lasts needs it.
        from fcntl import LOCK_EX, flock  # noqa: PLC0415

        with writing(self._lock):
            self._lock.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with writing(self._lock):
                flock(descriptor, LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def text(self, name: ModuleName, table: Mapping[str, object]) -> str:
        """A file that says ``table``. Raises INVALID_ARGUMENT."""
        from kmodd.config.override_text import override_text  # noqa: PLC0415  the same

        return override_text(name, table, HEADER.format(name=name))

    def _is_as_made(self, name: ModuleName, table: Mapping[str, object], text: str) -> bool:
        """Letter for letter: of what a person has written nothing may be lost, and no table has comments."""
        try:
            return text == self.text(name, table)
        except KmoddError:  # what these commands would never write
            return False

    def write(self, name: ModuleName, text: str) -> None:
        """Have a file that lasts say ``text``. Raises NOT_AUTHORIZED, FAILED."""
        from kmodd.files import write_atomically  # noqa: PLC0415  the same

        with writing(self._lasting):
            self._lasting.mkdir(mode=0o755, parents=True, exist_ok=True)
            write_atomically(self.path(name), text.encode(), durable=True, mode=0o644)

    def remove(self, name: ModuleName) -> None:
        """Take away the file that lasts. Raises NOT_AUTHORIZED, FAILED."""
        from kmodd.files import sync_directory  # noqa: PLC0415  the same

        with writing(self._lasting):
            self.path(name).unlink(missing_ok=True)
            sync_directory(self._lasting)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What keeps ``path`` from being written, as a sentence: NOT_AUTHORIZED, FAILED."""
    try:
        yield
    except PermissionError as error:
        hint = "files are root's to write: use sudo"
        raise KmoddError(ErrorKind.NOT_AUTHORIZED, f"{path} cannot be written", hint) from error
    except OSError as error:
        hint = "see that the file system is there, writable and not full"
        message = f"{path} cannot be written: {error.strerror}"
        raise KmoddError(ErrorKind.FAILED, message, hint) from error


def _text(path: Path) -> str | None:
    """What is in a file, "" for what cannot be read as text; None without one."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None if not os.path.lexists(path) else ""
    except (OSError, ValueError):
        return ""


def _table(path: Path, name: ModuleName) -> Table | None:
    """The one table of a file that is about ``name`` and nothing else, or None."""
    text = _text(path)
    if text is None:
        return None
    # Rarely needed: there mostly is no such file.
    from tomllib import TOMLDecodeError, loads  # noqa: PLC0415

    try:
        document = loads(text)
    except (TOMLDecodeError, ValueError, RecursionError):
        return None
    modules = document.get("module")
    if document.keys() != {"module"} or not isinstance(modules, dict) or modules.keys() != {name}:
        return None
    table = modules[name]
    return table if isinstance(table, dict) else None
