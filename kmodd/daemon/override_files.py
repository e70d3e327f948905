"""The drop-ins that hold overrides, and the journal of the change that is being judged."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kmodd.config.paths import OVERRIDE_PREFIX, OVERRIDE_SUFFIX, ConfigPaths, override_name
from kmodd.errors import ErrorKind, KmoddError
from kmodd.files import write_atomically
from kmodd.names import ModuleName, is_module_name


class OverrideFiles:
    """Files in ``paths.overrides_dir``, one a module; others in there are somebody else's."""

    def __init__(self, paths: ConfigPaths) -> None:
        self._directory = paths.overrides_dir
        self._trial = paths.trial_dir
        self._higher = (self._trial, *paths.directories[: _index(paths)])
        self._journal = paths.runtime_dir / "override.json"

    def path(self, name: ModuleName) -> Path:
        """Where the override of a module lies."""
        return self._directory / override_name(name)

    def hidden_by(self, name: ModuleName) -> Path | None:
        """The file of a higher directory that hides the override of a module."""
        paths = (directory / self.path(name).name for directory in self._higher)
        return next((path for path in paths if path.exists() or path.is_symlink()), None)

    def put(self, name: ModuleName, text: str) -> None:
        """Write an override; it is on trial until ``keep``. Raises STATE_NOT_WRITABLE."""
        before = self._read(name)
        with _writing(self._directory):
            # For the case that kmodd dies before the file is judged: who got no answer changed nothing.
            write_atomically(self._journal, json.dumps([name, before]).encode())
            self._write(name, text)

    def keep(self) -> None:
        """What was put on trial stays."""
        with _writing(self._journal):
            self._journal.unlink(missing_ok=True)

    def recover(self) -> None:
        """Put back what was there before what is on trial. Raises STATE_NOT_WRITABLE."""
        try:
            name, before = json.loads(self._journal.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError):
            name, before = "", None
        if isinstance(name, str) and is_module_name(name) and isinstance(before, str | None):
            self._put_back(ModuleName(name), before)
        self.keep()

    def remove(self, name: ModuleName) -> bool:
        """Whether there was an override of a module; there is none any more. Raises STATE_NOT_WRITABLE."""
        there = self.path(name).exists()
        self._put_back(name, None)
        return there

    def kept(self) -> dict[ModuleName, str]:
        """Every override there is, by module. Raises STATE_NOT_WRITABLE for what cannot be read."""
        with _writing(self._directory):
            names = [path.name for path in self._directory.glob(f"{OVERRIDE_PREFIX}*{OVERRIDE_SUFFIX}")]
        modules = [name.removeprefix(OVERRIDE_PREFIX).removesuffix(OVERRIDE_SUFFIX) for name in names]
        return {ModuleName(n): self._read(ModuleName(n)) or "" for n in sorted(modules) if is_module_name(n)}

    def restore(self, kept: Mapping[ModuleName, str]) -> None:
        """Have these and no others. Raises STATE_NOT_WRITABLE."""
        now = self.kept()
        for name in now.keys() - kept.keys():
            self._put_back(name, None)
        for name, text in kept.items():
            if now.get(name) != text:
                self._put_back(name, text)

    def end_trial(self) -> None:
        """Have nothing on trial any more (``kmoddctl try``). Raises STATE_NOT_WRITABLE."""
        with _writing(self._trial):
            for path in self._trial.glob(f"*{OVERRIDE_SUFFIX}"):
                path.unlink(missing_ok=True)

    def _put_back(self, name: ModuleName, text: str | None) -> None:
        with _writing(self._directory):
            if text is None:
                self.path(name).unlink(missing_ok=True)
            else:
                self._write(name, text)

    def _read(self, name: ModuleName) -> str | None:
        try:
            return self.path(name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise _not_writable(self._directory, error) from error

    def _write(self, name: ModuleName, text: str) -> None:
        self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_atomically(self.path(name), text.encode(), mode=0o644)


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
