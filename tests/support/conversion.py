"""A system below a directory, converted: what modprobe answers before, and with kmodd's files instead."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

from kmodd.cli.offline.imports import NAME, import_files
from kmodd.cli.offline.old_files import read
from kmodd.cli.offline.plan import compiled
from kmodd.cli.offline.target import Target
from kmodd.cli.terminal.output import Options, Output
from kmodd.core.conversion import convert
from kmodd.core.modprobe_conf import render
from kmodd.core.old_lines import Conversion
from kmodd.files import last_word
from tests.support.modprobe_answers import (
    SEPARATOR_FILE,
    SEPARATOR_LINE,
    Answers,
    Names,
    Survey,
    options,
    parse,
    separated,
)

_OURS = "etc/modprobe.d/00-kmodd.conf"
_DIRECTORIES = ("etc/modprobe.d", "run/modprobe.d", "usr/lib/modprobe.d", "etc/modules-load.d", "etc/kmodd.d")
_CHUNK = 500
_REFUSED = re.compile(r"^install (?:(?:/usr)?/bin/)?(?:true|false)( .*)?$")
_SAME = (
    (re.compile(r'(?<=\s)"([^"=\s]+)=([^"]*)"(?=\s|$)'), r'\1="\2"'),
    (re.compile(r'="([^"\s]*)"(?=\s|$)'), r"=\1"),
    (re.compile(r"(?<=\s)([A-Za-z0-9_-]+)(?=\s|$)"), r"\1=Y"),
)
_ENVIRONMENT = {"PATH": "/usr/sbin:/sbin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


def system(root: Path, trees: Path) -> Path:
    """A root with the kernels below ``trees`` and no configuration."""
    for directory in (*_DIRECTORIES, "lib"):
        root.joinpath(directory).mkdir(parents=True)
    root.joinpath("lib/modules").symlink_to(trees)
    return root


def conversion(root: Path, release: str) -> Conversion:
    """What becomes of the lines below ``root``."""
    return convert(*read(Target(str(root), release)))


def converted(root: Path, release: str, target: Path) -> Path:
    """A system as ``root``, with what ``kmoddctl import`` wrote, and kmodd generates of it, instead."""
    system(target, root.joinpath("lib/modules").resolve())
    directory = str(target / "etc/kmodd.d")
    options = Options(root=str(root), kernel=release, output=directory)
    assert import_files(options, Output(StringIO())) == 0
    kept = target / f"etc/kmodd.d/{NAME}.conf"
    if kept.exists():
        shutil.move(kept, target / f"etc/modprobe.d/{NAME}.conf")
    found = compiled(Target(str(target), release))
    assert [issue for issue in found.issues if issue.severity == "error"] == []
    rendered = render(found.desired)
    ours = target / _OURS
    for path, text in ((ours, rendered.text), (Path(last_word(str(ours))), rendered.last_text)):
        if text:
            path.write_text(text)
    return target


def survey(root: Path, release: str, names: Names) -> Survey:
    """What the real modprobe answers for everything; the file that separates answers is gone afterwards."""
    separator = root / SEPARATOR_FILE.removeprefix("/")
    separator.write_text(SEPARATOR_LINE)
    try:
        return Survey(_answers(root, release, names), _answers(root, release, names, "--use-blacklist"), ())
    finally:
        separator.unlink()


def _answers(root: Path, release: str, names: Names, *options: str) -> Answers:
    queries = names.queries()
    found: dict[str, tuple[str, ...]] = {}
    for start in range(0, len(queries), _CHUNK):
        chunk = queries[start : start + _CHUNK]
        found.update(parse(chunk, modprobe(root, release, *options, "--all", *separated(chunk))))
    return {query: tuple(_relative(line, root) for line in answer) for query, answer in found.items()}


def modprobe(root: Path, release: str, *arguments: str) -> str:
    """What ``modprobe --show-depends`` prints with the files below ``root`` and no others."""
    directories = (f"{root}/{name}" for name in _DIRECTORIES if name.endswith("modprobe.d"))
    where = ["--dirname", str(root), "--set-version", release]
    where += [word for directory in directories for word in ("--config", directory)]
    command = ["modprobe", "--show-depends", *where, *arguments]
    # The status says only whether every name was found.
    return subprocess.run(command, check=False, capture_output=True, text=True, env=_ENVIRONMENT).stdout


def touched(root: Path) -> frozenset[str]:
    """The second word of every line of modprobe.d."""
    paths = (path for name in _DIRECTORIES for path in root.joinpath(name).glob("*.conf"))
    lines = (line.split() for path in paths for line in path.read_text("utf-8", "replace").splitlines())
    return frozenset(words[1].replace("-", "_") for words in lines if len(words) > 1 and words[0][0] != "#")


def put(root: Path, directory: str, paths: Iterable[Path]) -> None:
    """Copy files into a directory of the system."""
    for path in paths:
        shutil.copyfile(path, os.path.join(root, directory, path.name))


def _relative(line: str, root: Path) -> str:
    """A line without the root, a refusal as kmodd has it, and options as the kernel reads them.

    Of one parameter the last counts, a word without a value is true (kernel/params.c), and quotes are where
    they are needed (lib/cmdline.c).
    """
    shown = _REFUSED.sub("install /bin/false", line.replace(f"{root}/", "/"))
    if not shown.startswith("insmod "):
        return shown
    for pattern, better in _SAME:
        shown = pattern.sub(better, shown)
    return " ".join(
        (*shown.split()[:2], *(f"{name}={value}" for name, value in sorted(options(shown).items())))
    )
