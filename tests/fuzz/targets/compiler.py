"""The whole compiler on directories of files: what it leaves for the daemon and for itself."""

import os
import shutil
from collections.abc import Sequence
from unittest import mock

from kmodd.config.catalog import read_catalog
from kmodd.config.compile import compile_catalog
from kmodd.config.last_good import read_last_good
from kmodd.config.paths import ConfigPaths
from kmodd.model import Catalog
from tests.fuzz import promises

_ROOT = promises.scratch()
_FILES = ("a/50-x.toml", "b/50-x.toml", "a/60-y.toml", "kmodd.toml")
_PATHS = ConfigPaths((_ROOT / "a", _ROOT / "b"), _ROOT / "kmodd.toml", _ROOT / "run", _ROOT / "lib")


def generations(data: bytes) -> None:
    """Files that a NUL separates, twice; looking at the same files once more changes nothing."""
    parts = promises.parts(data, 2 * len(_FILES))
    for directory in ("a", "b", "run", "lib"):
        shutil.rmtree(_ROOT / directory, ignore_errors=True)
        (_ROOT / directory).mkdir()
    with mock.patch.object(os, "fsync"):
        _compiled(parts[: len(_FILES)])
        second = _compiled(parts[len(_FILES) :])
        again = _compiled(parts[len(_FILES) :])
    assert (again.declarations, again.settings) == (second.declarations, second.settings)


def _compiled(contents: Sequence[bytes]) -> Catalog:
    for name, content in zip(_FILES, contents, strict=True):
        path = _ROOT / name
        path.unlink(missing_ok=True)
        if content != b"-":
            path.write_bytes(content)
            path.chmod(0o644)
    catalog = compile_catalog(_PATHS)
    assert read_catalog(_PATHS.catalog) == catalog
    read_last_good(_PATHS.last_good)
    files = {str(_ROOT / name) for name in _FILES}
    for issue in catalog.issues:
        promises.is_shown(issue.message)
        assert issue.location.file in files
    return catalog
