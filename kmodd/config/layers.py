"""Which files are in force: layered directories, hiding, masks, and a key that changes when any of them does.

Cheap and free of parsing: the daemon asks here whether the cached catalog is current.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from kmodd import __version__
from kmodd.config.issues import Code, Refused
from kmodd.config.look import ConfigFile, Standing, look, unreadable
from kmodd.config.paths import ConfigPaths
from kmodd.config.safefile import open_directory, trusted_owners
from kmodd.digest import digest
from kmodd.named_tuple import NamedTuple
from kmodd.shown import Issue

MAX_FILES = 10_000
SUFFIX = ".toml"
TRIAL_RANK = 0
"""Of files on trial: their directory is above all others (ConfigPaths.layers)."""


class RefusedDirectory(NamedTuple):
    """A directory that exists and must not be listed; what it last gave stays in force."""

    path: Path
    rank: int
    problem: Issue


class Scan(NamedTuple):
    """All drop-ins in order of file name, directories that could not be used, and the daemon's settings."""

    files: tuple[ConfigFile, ...]
    refused: tuple[RefusedDirectory, ...] = ()
    settings: ConfigFile | None = None

    @property
    def visible(self) -> tuple[ConfigFile, ...]:
        """The files that count, in order of merging."""
        return tuple(file for file in self.files if file.standing is Standing.VISIBLE)

    @property
    def key(self) -> str:
        """Identifies exactly these files with owners and modes, what masks, and this version of kmodd."""
        used = [(str(file.path), file.stamp, file.problem) for file in self._used()]
        refused = [(str(entry.path), entry.problem) for entry in self.refused]
        masks = [(file.name, file.rank) for file in self.files if file.standing is Standing.MASK]
        text = repr((__version__, used, refused, masks))
        return digest(text.encode("utf-8", "surrogateescape"))

    @property
    def newest_ns(self) -> int:
        """When any file's inode last changed, CLOCK_REALTIME; 0 without files."""
        return max((file.changed_ns for file in self._used()), default=0)

    def _used(self) -> tuple[ConfigFile, ...]:
        return self.visible if self.settings is None else (*self.visible, self.settings)


def scan(paths: ConfigPaths, owners: frozenset[int] | None = None) -> Scan:
    """Look at every directory; a missing one is no error, what cannot be believed is told and not raised."""
    owners = trusted_owners() if owners is None else owners
    found: list[ConfigFile] = []
    refused: list[RefusedDirectory] = []
    for rank, directory in enumerate(paths.layers):
        try:
            found.extend(_list(directory, rank, owners, MAX_FILES - len(found)))
        except FileNotFoundError:
            continue
        except OSError as error:
            refused.append(RefusedDirectory(directory, rank, unreadable(error).issue(directory)))
        except Refused as problem:
            refused.append(RefusedDirectory(directory, rank, problem.issue(directory)))
    return Scan(_hide(found), tuple(refused), _settings(paths.settings, owners))


def _list(directory: Path, rank: int, owners: frozenset[int], room: int) -> list[ConfigFile]:
    """Drop-ins of one directory; raises Refused when there is no room for them all."""
    with open_directory(directory, owners) as fd:
        files: list[ConfigFile] = []
        for name in _names(fd):
            file = look(directory / name, rank, owners, fd)
            if file is None:
                continue
            if len(files) == room:
                raise Refused(
                    Code.TOO_MANY_FILES, f"there are more than {MAX_FILES} files", "join some of them"
                )
            files.append(file)
        return files


def _names(fd: int) -> Iterator[str]:
    """Names of drop-ins in an open directory; hidden files are editors' business, as for systemd."""
    with os.scandir(fd) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX) and not entry.name.startswith("."):
                yield entry.name


def _hide(found: list[ConfigFile]) -> tuple[ConfigFile, ...]:
    """Mark what a file of the same name hides; ``found`` comes highest directory first."""
    highest: dict[str, int] = {}
    for file in found:
        highest.setdefault(file.name, file.rank)
    files = [
        file if file.rank == highest[file.name] else file._replace(standing=Standing.HIDDEN) for file in found
    ]
    return tuple(sorted(files, key=lambda file: (file.name, file.rank)))


def _settings(path: Path, owners: frozenset[int]) -> ConfigFile | None:
    """The settings file; an empty one says as little as a missing one."""
    file = look(path, 0, owners)
    return None if file is None or file.standing is Standing.MASK else file
