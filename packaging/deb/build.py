"""Builds the package in a sandbox; what was built is kept by the content of what it was built from."""

import shutil
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from deb.cache import cached
from deb.chroot import chroot
from deb.errors import DebError
from deb.sandbox import Sandbox
from deb.tree import REPOSITORY, Tree, digest, for_binary, tracked, version_of, write

SUITE: Final = "trixie"
LINTIAN_REPORT: Final = "lintian.txt"
_PACKAGES: Final = REPOSITORY / ".cache/deb"
_KEEP: Final = 8
# As on Debian's own builders, it is nobody of importance who builds and checks.
_AS_NOBODY: Final = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs")
_LINTIAN: Final = (
    "lintian",
    "--fail-on",
    "error,warning",
    "--pedantic",
    "--display-info",
    "--show-overrides",
)


class _Kind(NamedTuple):
    """How much is built; ``profile`` as in DEB_BUILD_PROFILES."""

    name: str
    what: str
    profile: str = ""
    is_checked: bool = False


_BINARY: Final = _Kind("binary", "--build=binary", profile="nocheck")
_FULL: Final = _Kind("full", "--build=full", is_checked=True)


def built_package(version: str | None = None, suite: str = SUITE) -> Path:
    """The .deb of the tree as it is, as another ``version`` if one is given. Not checked. Raises DebError."""
    return next(_built(_BINARY, for_binary(tracked()), version, suite).glob("*.deb"))


def checked_packages(suite: str = SUITE) -> Path:
    """A directory with source and binary package, their tests passed, lintian content. Raises DebError."""
    return _built(_FULL, tracked(), None, suite)


def _built(kind: _Kind, tree: Tree, version: str | None, suite: str) -> Path:
    """The directory of results, from the cache or made."""
    version = version or version_of(tree)
    tarball = chroot(suite)
    key = f"{kind.name}-{version}-{digest(tree, (kind.what, kind.profile, version, tarball.name))}"

    def make(path: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="kmodd-deb-") as exchange:
            result = Path(exchange) / "result"
            result.mkdir()
            write(tree, Path(exchange) / "source", version)
            with Sandbox(tarball, Path(exchange)) as sandbox:
                place = _build(sandbox, kind, version)
                if kind.is_checked:
                    (result / LINTIAN_REPORT).write_text(lintian(sandbox, place))
            shutil.move(result, path)

    return cached(_PACKAGES, key, make, keep=_KEEP)


def _build(sandbox: Sandbox, kind: _Kind, version: str) -> str:
    """From /exchange/source to /exchange/result, and the place where it was built.

    Each kind has another, which must make no difference to the .deb.
    """
    place = f"/build/{kind.name}"
    source = f"{place}/kmodd-{version}"
    sandbox.check("mkdir", "--parents", place)
    sandbox.check("cp", "--recursive", "/exchange/source", source)
    sandbox.check("chown", "--recursive", "65534:65534", place)
    sandbox.check(
        *_AS_NOBODY,
        *("dpkg-buildpackage", "--unsigned-source", "--unsigned-changes", kind.what),
        directory=source,
        environment={"DEB_BUILD_OPTIONS": kind.profile, "DEB_BUILD_PROFILES": kind.profile},
    )
    files = ("find", place, "-maxdepth", "1", "-type", "f")
    sandbox.check(*files, "-exec", "cp", "--target-directory=/exchange/result", "{}", "+")
    return place


def lintian(sandbox: Sandbox, place: str) -> str:
    """What that suite's lintian remarks about all of it; its errors and warnings raise DebError."""
    changes = sandbox.check("find", place, "-name", "*.changes").split()
    answer = sandbox.run(*_AS_NOBODY, *_LINTIAN, *changes)
    if answer.status != 0:
        raise DebError(f"lintian is not content:\n{answer.output}")
    return answer.output
