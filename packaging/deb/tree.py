"""The source tree of a package: what git tracks, as it is now, with debian/ in its place."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from deb.errors import DebError

REPOSITORY = Path(__file__).resolve().parents[2]

DEBIAN = "packaging/debian/"
CHANGELOG = f"{DEBIAN}changelog"
_INTO_BINARY = ("kmodd/", "packaging/", "systemd/", "etc/", "Makefile", "pyproject.toml")
_INTO_BINARY_TOO = (".md", "LICENSE")

Tree = Mapping[str, Path]
"""Files by name in the repository."""


def tracked(repository: Path = REPOSITORY) -> dict[str, Path]:
    """Everything that git tracks, with changes that are not committed. Raises DebError."""
    command = ["git", "-c", f"safe.directory={repository}", "ls-files", "-z"]
    answer = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise DebError(f"make deb works in a checkout of git: {answer.stderr.strip()}")
    names = sorted(name for name in answer.stdout.split("\0") if name)
    return {name: repository / name for name in names if (repository / name).exists()}


def for_binary(tree: Tree) -> dict[str, Path]:
    """What can change the binary package: tests and benchmarks cannot."""
    return {
        name: path
        for name, path in tree.items()
        if name.startswith(_INTO_BINARY) or name.endswith(_INTO_BINARY_TOO)
    }


def digest(tree: Tree, words: Iterable[str]) -> str:
    """A name for exactly these files and words."""
    state = hashlib.sha256(repr(list(words)).encode())
    for name, path in tree.items():
        content = path.read_bytes()
        state.update(f"\0{name}\0{_mode(path)}\0{len(content)}\0".encode() + content)
    return state.hexdigest()[:20]


def version_of(tree: Tree) -> str:
    """The version on top of debian/changelog."""
    first, _, _ = tree[CHANGELOG].read_text().partition("\n")
    return first.split("(")[1].split(")")[0]


def write(tree: Tree, destination: Path, version: str) -> None:
    """Copy it, as ``version``."""
    was = version_of(tree)
    for name, path in tree.items():
        target = destination / name.replace(DEBIAN, "debian/", 1)
        target.parent.mkdir(parents=True, exist_ok=True)
        if name in _versioned(was):
            before, after = (_versioned(each)[name] for each in (was, version))
            target.write_text(path.read_text().replace(before, after, 1))
        else:
            shutil.copyfile(path, target)
        target.chmod(_mode(path))


def _versioned(version: str) -> dict[str, str]:
    """How each file that says the version says it."""
    return {
        CHANGELOG: f"({version})",
        "pyproject.toml": f'\nversion = "{version}"',
        "kmodd/__init__.py": f'__version__ = "{version}"',
    }


def _mode(path: Path) -> int:
    """Only who may run it is kept, as in git."""
    return 0o755 if path.stat().st_mode & 0o100 else 0o644
