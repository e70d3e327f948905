"""The compiler: files -> catalog, in a process of its own, because only here pydantic and tomli are known.

What needs the module tree (a module or parameter this kernel does not know) is not asked here: the catalog
stays valid when the kernel changes; those warnings belong to who holds a catalog against a kernel.
"""

from __future__ import annotations

import argparse
import fcntl
import gc
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kmodd.config.catalog import write_catalog
from kmodd.config.gather import fallback_note, gather, gather_settings
from kmodd.config.issues import Code, place, warning
from kmodd.config.last_good import LastGood, read_last_good, write_last_good
from kmodd.config.layers import TRIAL_RANK, Scan, scan
from kmodd.config.merge import declare
from kmodd.config.paths import ConfigPaths
from kmodd.config.safefile import trusted_owners
from kmodd.config.settle import Settled, settle
from kmodd.errors import ErrorKind
from kmodd.model import Catalog
from kmodd.named_tuple import NamedTuple
from kmodd.names import printable
from kmodd.shown import Issue

# A change within the clock tick of an earlier one leaves the same ctime (HZ=100: 10 ms).
_TICK_NS = 20_000_000
_CPU_S = 60
_MEMORY_BYTES = 1 << 30
_FILE_BYTES = 256 << 20


class Compiled(NamedTuple):
    """A catalog, and what is to be kept for the day when a file breaks."""

    catalog: Catalog
    last_good: LastGood


def compile_files(found: Scan, last_good: LastGood) -> Compiled:
    """Compile what ``found`` lists; wrong files are issues and never exceptions."""
    owners = trusted_owners()
    gathered = gather(found, last_good, owners)
    settings, settings_document, settings_issues = gather_settings(found.settings, last_good.settings, owners)
    settled = settle(gathered.candidates)
    declarations = tuple(declare(name, rows) for name, rows in sorted(settled.merged.items()))
    paths = {file.name: file.path for file in found.visible}
    fallbacks = sorted({*gathered.bad, *settled.refused} & paths.keys())
    issues = (
        *(entry.problem for entry in found.refused),
        *(fallback_note(entry.path, used=_gave(entry.path, settled)) for entry in found.refused),
        *settings_issues,
        *(issue for _, issues in sorted(gathered.bad.items()) for issue in issues),
        *settled.issues,
        *(fallback_note(paths[name], used=name in settled.in_force) for name in fallbacks),
    )
    # What a mask on trial hides comes back, and with it its last good version.
    masked = {file.name for file in found.files if file.rank == TRIAL_RANK}
    known = {candidate.name for candidate in gathered.candidates} | masked
    kept = {name: document for name, document in last_good.files.items() if name in known}
    # What is tried is good only when it has been kept.
    tried = {file.name for file in found.visible if file.rank == TRIAL_RANK}
    in_force = {name: version.document for name, version in settled.in_force.items() if name not in tried}
    return Compiled(
        Catalog(found.key, declarations, issues, settings), LastGood({**kept, **in_force}, settings_document)
    )


def compile_catalog(paths: ConfigPaths) -> Catalog:
    """Compile everything, leave catalog and last good versions; raises OSError if the catalog cannot be."""
    paths.runtime_dir.mkdir(parents=True, exist_ok=True)
    with _alone(paths.runtime_dir / "compile.lock"):
        last_good, complaints = _recall(paths.last_good)
        compiled = _compile_still_files(paths, last_good)
        if compiled.last_good != last_good or complaints:
            # Before the catalog: after a crash in between the files are compiled again, and nothing is lost.
            complaints = _remember(paths.last_good, compiled.last_good, complaints)
        catalog = compiled.catalog._replace(issues=(*compiled.catalog.issues, *complaints))
        write_catalog(paths.catalog, catalog)
        return catalog


def main(argv: Sequence[str] | None = None) -> int:
    """The child program; exit status 0 says that a catalog was left, whatever is wrong with the files."""
    paths = _arguments(argv)
    _limit_resources()
    # Short-lived, and nothing in here makes rubbish that is worth looking for.
    gc.disable()
    try:
        compile_catalog(paths)
    except OSError as error:
        where = error.filename or paths.catalog  # a full disk names no file
        sys.stderr.write(f"the catalog cannot be written: {error.strerror}: {where}\n")
        return ErrorKind.STATE_NOT_WRITABLE.exit_status
    except MemoryError:
        sys.stderr.write("there is not enough memory for these files\n")
        return ErrorKind.FAILED.exit_status
    return 0


def _compile_still_files(paths: ConfigPaths, last_good: LastGood, attempts: int = 3) -> Compiled:
    """Compile until the files hold still meanwhile; a catalog of moving files is never taken as current."""
    started_ns = time.time_ns()
    found = scan(paths)
    compiled = compile_files(found, last_good)
    again = scan(paths)
    if again.key != found.key and attempts > 1:
        return _compile_still_files(paths, last_good, attempts - 1)
    if again.key == found.key and found.newest_ns < started_ns - _TICK_NS:
        return compiled
    return compiled._replace(catalog=compiled.catalog._replace(key=""))


def _gave(directory: Path, settled: Settled) -> bool:
    """Whether anything from this directory is in force."""
    shown = printable(str(directory))
    return any(os.path.dirname(version.document.file) == shown for version in settled.in_force.values())


def _recall(path: Path) -> tuple[LastGood, tuple[Issue, ...]]:
    """Last good versions; when they cannot be believed there are none, and that is said."""
    try:
        return read_last_good(path), ()
    except ValueError as damage:
        message = f"the last good versions are lost: {damage}"
        return LastGood(), (warning(Code.LAST_GOOD_DAMAGED, message, "they are written anew", place(path)),)


def _remember(path: Path, last_good: LastGood, complaints: tuple[Issue, ...]) -> tuple[Issue, ...]:
    """Keep last good versions; where that fails the catalog holds nevertheless, and it is said."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_last_good(path, last_good)
    except OSError as error:
        message = f"the last good versions cannot be kept: {error.strerror}"
        hint = "a file that breaks is left out after the next reboot"
        return (*complaints, warning(Code.LAST_GOOD_NOT_KEPT, message, hint, place(path)))
    return complaints


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One compiler at a time: one that a killed daemon left behind finishes first. Raises OSError."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _limit_resources() -> None:
    """Bounds for whatever the files hold; beyond them this process ends and the catalog before stays."""
    limits = (
        (resource.RLIMIT_CPU, _CPU_S),
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    )
    for limit, value in limits:
        _, hard = resource.getrlimit(limit)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)  # noqa: PLW2901
        resource.setrlimit(limit, (value, value))


def _arguments(argv: Sequence[str] | None) -> ConfigPaths:
    parser = argparse.ArgumentParser(prog="kmodd.config.compile", description="Compile kmodd's files.")
    parser.add_argument("--dir", action="append", type=Path, default=[], help="directory, highest first")
    for option in ("--trial-dir", "--settings", "--runtime-dir", "--state-dir"):
        parser.add_argument(option, type=Path, required=True)
    given = parser.parse_args(argv)
    return ConfigPaths(
        tuple(given.dir), given.settings, given.runtime_dir, given.state_dir, trial_dir=given.trial_dir
    )


if __name__ == "__main__":
    sys.exit(main())
