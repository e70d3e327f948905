"""Files while they are tried: in /run, above all others, until somebody keeps them or all is taken back.

/etc is changed only after that, and each file in one step: whatever ends before leaves the files there as
they were. The daemon itself takes the trial away with a rollback, whoever has died meanwhile. What ends
between two of those steps leaves all on trial, in force until the next boot, and the next trial says so.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from errno import EISDIR
from pathlib import Path

from kmodd.cli.change.judge import Candidate
from kmodd.cli.change.own_file import writing
from kmodd.config.issues import Refused
from kmodd.config.layers import SUFFIX
from kmodd.config.look import MAX_BYTES, unreadable
from kmodd.config.paths import ConfigPaths
from kmodd.config.safefile import read_any_file
from kmodd.errors import ErrorKind, KmoddError
from kmodd.files import stage, staged, sync_directory, write_atomically
from kmodd.names import printable

_SETTINGS = "kmodd.toml"


class TrialFiles:
    """``files``: content by name. Every way to fail is NOT_AUTHORIZED or FAILED."""

    def __init__(self, paths: ConfigPaths, files: Mapping[str, Candidate]) -> None:
        self._trial, self._etc = paths.trial_dir, paths.directories[0]
        self._checkpoint = paths.checkpoint
        self._files = files

    @property
    def kept(self) -> tuple[str, ...]:
        """Where they are when they are kept."""
        return tuple(str(self._etc / name) for name in self._files)

    def is_named_in(self, text: str) -> bool:
        """Whether messages are about one of them, or about where they are: then none is in force."""
        return any(f"{path}:" in text for path in (self._trial, *map(self._trial.joinpath, self._files)))

    def has(self, path: str) -> bool:
        """Whether a path is that of one of them, on trial."""
        return path in {str(self._trial / name) for name in self._files}

    def refuse_another(self) -> None:
        """Raises BUSY for files that another trial has there, or one that ended between commit and rename."""
        left = sorted(path.name for path in self._trial.glob(f"*{SUFFIX}"))
        if left and self._checkpoint.exists():
            message, hint = f"files of another trial are in {self._trial}", "let it end"
            raise KmoddError(ErrorKind.BUSY, message, hint)
        if left:
            names = printable(", ".join(left))
            message = f"a trial was kept, and ended before its files were in {self._etc}: {names}"
            hint = f"move them there from {self._trial}, where they are in force until the next boot"
            raise KmoddError(ErrorKind.BUSY, message, hint)

    @property
    def is_taken_back(self) -> bool:
        """Whether a rollback has begun since put(): it begins with taking the files away."""
        return not all((self._trial / name).exists() for name in self._files)

    @property
    def is_committed(self) -> bool:
        """Whether kmodd has no checkpoint any more and yet has taken nothing back."""
        return not self._checkpoint.exists() and not self.is_taken_back

    @property
    def where_if_kept(self) -> str:
        """What to do if nobody can be asked whether they are kept."""
        return (
            f"if {self._trial} still has them when it should have been taken back, move them to {self._etc}"
        )

    def put(self) -> None:
        """Have them above all others."""
        with writing(self._trial):
            # Not both in one: of the parents mkdir(parents=True) leaves the mode to the umask.
            for directory in (self._trial.parent, self._trial):
                directory.mkdir(mode=0o755, parents=True, exist_ok=True)
            for name, candidate in self._files.items():
                write_atomically(self._trial / name, candidate.content, mode=0o644)

    def prepare(self) -> None:
        """Write them beside those that they are to replace, so that no more than a rename can fail."""
        with writing(self._etc):
            self._etc.mkdir(mode=0o755, parents=True, exist_ok=True)
            for name, candidate in self._files.items():
                if (self._etc / name).is_dir():
                    raise IsADirectoryError(EISDIR, f"{name} is a directory")
                stage(self._etc / name, candidate.content, durable=True, mode=0o644)

    def keep(self) -> None:
        """Have in their place what was prepared; the trial is over. Raises FAILED, and then it goes on."""
        try:
            for name in self._files:
                os.replace(self._staged(name), self._etc / name)
            sync_directory(self._etc)
        except OSError as error:
            message = f"{self._etc} cannot be written: {error.strerror}; it is kept, but not beyond this boot"
            raise KmoddError(ErrorKind.FAILED, message, f"move {self._trial}/*.toml there") from error
        self.end()

    def end(self) -> None:
        """Have none of them on trial, and nothing prepared. What cannot be taken away is left."""
        self.unprepare()
        for name in self._files:
            with suppress(OSError):
                (self._trial / name).unlink()
        with suppress(OSError):
            self._trial.rmdir()

    def unprepare(self) -> None:
        """Have nothing prepared. What cannot be taken away is left."""
        for name in self._files:
            with suppress(OSError):
                self._staged(name).unlink()

    def _staged(self, name: str) -> Path:
        return Path(staged(self._etc / name))


def read(names: Iterable[str], paths: ConfigPaths) -> dict[str, Candidate]:
    """Files that are to be tried, by the name that they will have. Raises INVALID_ARGUMENT, FAILED."""
    files: dict[str, Candidate] = {}
    for text in names:
        path = Path(text)
        if path.name in files:
            raise _refused(f"two files are named {printable(path.name)}", "one would take the other's place")
        if not path.name.endswith(SUFFIX) or path.name.startswith(".") or not path.name.isprintable():
            raise _refused(f"{printable(text)} is no drop-in", f"its name has to end in {SUFFIX}")
        if path.name == _SETTINGS:
            raise _refused("settings cannot be tried", "kmodd.toml(5) says when each is taken")
        # Not Path.resolve(), which raises for links in a loop before Python 3.13.
        if os.path.dirname(os.path.realpath(path)) == os.path.realpath(paths.directories[0]):
            raise _refused(f"{printable(text)} is in force already", "try a copy of it that is elsewhere")
        files[path.name] = Candidate(text, _content(path))
    return files


def _content(path: Path) -> bytes:
    try:
        return read_any_file(path, MAX_BYTES)
    except Refused as refused:
        raise _refused(f"{printable(str(path))}: {refused.issue(path).message}", "name a file") from None
    except OSError as error:
        issue = unreadable(error).issue(path)
        message = f"{printable(str(path))}: {issue.message}"
        raise KmoddError(ErrorKind.NOT_FOUND, message, issue.hint) from None


def _refused(message: str, hint: str) -> KmoddError:
    return KmoddError(ErrorKind.INVALID_ARGUMENT, message, hint)
