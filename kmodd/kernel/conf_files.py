"""Which files make up modprobe.d, chosen as libkmod chooses them (libkmod-config.c, conf_files_list()).

libkmod is given the files one by one: so one of them can be left out, and nothing is opened that would hold
the reader up, as a FIFO does, or that never ends, as a device may.

Imported by the loader: nothing heavy in here.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from typing import Final

from kmodd.files import BLOCKED, last_word
from kmodd.kernel import patterns
from kmodd.kernel.libkmod import text
from kmodd.kernel.modprobe_d import FILE_LIMIT, Line, Lines, parse
from kmodd.kernel.reading import read_bounded
from kmodd.kernel.wire import LineRow, Places

# modprobe.d(5). kmod 30 does not know /usr/lib, which is the same directory wherever it matters.
DEFAULT_DIRS: Final = (
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
)
_TEXT_LENGTH: Final = 400


class ConfFiles:
    """The files of modprobe.d as they are now, sorted by base name; of one name the first directory's counts.

    What is no regular file (a link to /dev/null) takes the place of its name and has nothing to say.
    """

    def __init__(self, places: Places, *, reads_alias_files: bool) -> None:
        suffixes = (".conf", ".alias") if reads_alias_files else (".conf",)
        dirs = DEFAULT_DIRS if places.modprobe_dirs is None else places.modprobe_dirs
        self._chosen = _chosen(dirs, suffixes)
        self._generated_name = os.path.basename(places.modprobe_file)
        self._generated = os.path.realpath(places.modprobe_file) if places.modprobe_file else ""
        self._ours = {self._generated, last_word(self._generated)} if self._generated else set()

    @property
    def all(self) -> tuple[str, ...]:
        """Every file that is read, in order."""
        return _in_order(self._chosen.values())

    def all_and(self, path: str) -> tuple[str, ...]:
        """``all`` with one more file, at the place that its base name gives it."""
        return _in_order((*self._chosen.values(), path))

    @property
    def of_others(self) -> tuple[str, ...]:
        """``all`` without what kmodd generates, under whichever name it is found.

        A file of the same name in another directory counts if it hides kmodd's, and not while it is hidden.
        """
        return tuple(path for path in self.all if not self.is_generated(path))

    def is_generated(self, path: str) -> bool:
        """Whether this is a file that kmodd generates."""
        return os.path.realpath(path) in self._ours or os.path.basename(path) == BLOCKED

    def hiding(self) -> str:
        """The file that takes the place of the generated one; "" if there is none."""
        path = self._chosen.get(self._generated_name, "")
        return "" if not path or self.is_generated(path) else path

    @property
    def generated(self) -> str:
        """The file that kmodd generates, whether it exists or not; "" for none."""
        return self._generated


def modules_load_files(dirs: Iterable[str]) -> tuple[str, ...]:
    """Every file of modules-load.d(5) that is read, in order, chosen as those of modprobe.d are."""
    return _in_order(_chosen(dirs, (".conf",)).values())


def hiding_files(dirs: Iterable[str]) -> tuple[str, ...]:
    """Files of the first directory that keep one of their name in another from being read."""
    first, *others = dirs
    hidden = {name for directory in others for name in _names(directory, (".conf",))}
    return tuple(f"{first}/{name}" for name in sorted(_names(first, (".conf",))) if name in hidden)


def _chosen(dirs: Iterable[str], suffixes: tuple[str, ...]) -> dict[str, str]:
    """The first path of each base name."""
    chosen: dict[str, str] = {}
    for directory in dirs:
        for name in _names(directory, suffixes):
            chosen.setdefault(name, f"{directory}/{name}")
    return chosen


def _names(directory: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Base names of what libkmod would take for files. A link that leads nowhere counts for nothing.

    That is kmod 34; those before look at memory that nobody has written.
    """
    try:
        names = os.listdir(directory)
    except OSError:
        return
    for name in names:
        if not name.startswith(".") and name.endswith(suffixes):
            mode = _mode(f"{directory}/{name}")
            if mode and not stat.S_ISDIR(mode):
                yield name


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode
    except OSError:
        return 0


def _in_order(paths: Iterable[str]) -> tuple[str, ...]:
    """The regular files among ``paths``, by their base names as strcmp(3) compares them."""
    ordered = sorted(paths, key=lambda path: os.fsencode(os.path.basename(path)))
    return tuple(path for path in ordered if stat.S_ISREG(_mode(path)))


def read_lines(paths: Iterable[str]) -> Lines:
    """What the files say, in their order; a file that cannot be read says nothing, here as in libkmod."""
    lines = (line for path in paths for line in parse(read_bounded(path, FILE_LIMIT + 1), path))
    return Lines(lines, patterns.matches)


def line_row(line: Line) -> LineRow:
    """``line`` as the daemon may show it."""
    return LineRow(
        file=text(os.fsencode(line.file)), line=line.number, text=text(line.text.strip())[:_TEXT_LENGTH]
    )
