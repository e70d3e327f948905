"""Configuration trees for tests: below a root of their own, with modes that do not depend on the umask."""

import os
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from kmodd.config.paths import ConfigPaths


def config_paths(root: Path) -> ConfigPaths:
    """The real places, below ``root``; the highest directory and the settings' one are there."""
    real = ConfigPaths()
    paths = ConfigPaths(
        directories=tuple(root / path.relative_to("/") for path in real.directories),
        settings=root / real.settings.relative_to("/"),
        runtime_dir=root / real.runtime_dir.relative_to("/"),
        state_dir=root / real.state_dir.relative_to("/"),
        overrides_dir=root / real.overrides_dir.relative_to("/"),
        trial_dir=root / real.trial_dir.relative_to("/"),
    )
    for directory in (paths.directories[0], paths.settings.parent):
        directory.mkdir(parents=True, exist_ok=True)
    settle_modes(root)
    return paths


def drop(directory: Path, name: str, text: str) -> Path:
    """Put a file in place in one step, mode 0644, as an administrator's tool does."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o755)
    temporary = directory / f".{name}.new"
    temporary.write_text(text)
    temporary.chmod(0o644)
    return temporary.rename(directory / name)


def settle_modes(root: Path) -> None:
    """0755 for directories and 0644 for files."""
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)


def make(recipe: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make what ``recipe`` (a TOML table of tables: what, path -> how) says; skips where only root could.

    ``[limit]`` lowers limits instead, so that a case can stay small; ``[needs]`` names packages, with the
    oldest version with which a case can be run.
    """
    tables: dict[str, dict[str, Any]] = tomllib.loads(recipe.read_text()) if recipe.exists() else {}
    for package, oldest in tables.pop("needs", {}).items():
        if _numbers(version(package)) < _numbers(oldest):
            pytest.skip(f"{package} is older than {oldest}")
    for name, value in tables.pop("limit", {}).items():
        monkeypatch.setattr(name, value)
    for what, entries in tables.items():
        for name, how in entries.items():
            path = root / name
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            _MAKERS[what](path, how)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(".") if part.isdecimal()]


def _owner(path: Path, uid: int) -> None:
    if os.geteuid():
        pytest.skip("only root can give files away")
    os.chown(path, uid, -1)


def _size(path: Path, size: int) -> None:
    path.touch(mode=0o644)
    os.truncate(path, size)


def _bytes(path: Path, digits: str) -> None:
    path.write_bytes(bytes.fromhex(digits))
    path.chmod(0o644)


_MAKERS: dict[str, Callable[[Path, Any], None]] = {
    "bytes": _bytes,
    "fifo": os.mkfifo,
    "directory": os.mkdir,
    "link": lambda path, target: path.symlink_to(target),
    "mode": lambda path, mode: path.chmod(mode),
    "owner": _owner,
    "size": _size,
}
