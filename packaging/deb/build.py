"""Builds the package in a sandbox; what was built is kept by the content of what it was built from."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from deb.cache import cached
from deb.chroot import chroot
from deb.errors import DebError
from deb.sandbox import Sandbox
from deb.tree import REPOSITORY, Tree, digest, for_binary, tracked, version_of, write

SUITE: Final = "trixie"
_PACKAGES: Final = REPOSITORY / ".cache/deb"
_KEEP: Final = 8
# As on Debian's own builders, nobody of importance builds and checks.
_AS_NOBODY: Final = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs")
LINTIAN_REPORT: Final = "lintian.txt"


def built_package(version: str | None = None, suite: str = SUITE) -> Path:
    """The .deb of the tree as it is, as another ``version`` if one is given. Not checked. Raises DebError."""
    return next(_built("binary", for_binary(tracked()), version, suite, _binary).glob("*.deb"))


def checked_packages(suite: str = SUITE) -> Path:
    """A directory with source and binary package, their tests passed, lintian content. Raises DebError."""
    return _built("full", tracked(), None, suite, _full)


def _built(
    kind: str, tree: Tree, version: str | None, suite: str, build: Callable[[Sandbox, str], None]
) -> Path:
    """The directory of results, from the cache or made."""
    version = version or version_of(tree)
    tarball = chroot(suite)
    key = f"{kind}-{version}-{digest(tree, (kind, version, tarball.name))}"

    def make(path: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="kmodd-deb-") as name:
            exchange = Path(name)
            source = f"kmodd-{version}"
            write(tree, exchange / source, version)
            (exchange / "result").mkdir()
            with Sandbox(tarball, exchange) as sandbox:
                sandbox.check("mkdir", "/build")
                sandbox.check("cp", "--recursive", f"/exchange/{source}", "/build")
                sandbox.check("chown", "--recursive", "65534:65534", "/build")
                build(sandbox, f"/build/{source}")
            shutil.move(exchange / "result", path)

    return cached(_PACKAGES, key, make, keep=_KEEP)


def _binary(sandbox: Sandbox, directory: str) -> None:
    """The .deb alone, without the tests of the build."""
    _dpkg_buildpackage(sandbox, directory, "--build=binary", profiles="nocheck")
    _copy_results(sandbox)


def _full(sandbox: Sandbox, directory: str) -> None:
    """Source and binary package; raises DebError where lintian has something to say."""
    _dpkg_buildpackage(sandbox, directory, "--build=full")
    report = _lintian(sandbox)
    _copy_results(sandbox)
    sandbox.check("sh", "-c", 'printf %s "$1" > /exchange/result/"$2"', "sh", report, LINTIAN_REPORT)


def _dpkg_buildpackage(sandbox: Sandbox, directory: str, *options: str, profiles: str = "") -> None:
    sandbox.check(
        *_AS_NOBODY,
        *("dpkg-buildpackage", "--unsigned-source", "--unsigned-changes", *options),
        directory=directory,
        environment={"DEB_BUILD_OPTIONS": profiles, "DEB_BUILD_PROFILES": profiles},
    )


def _lintian(sandbox: Sandbox) -> str:
    """What lintian of that suite says; pedantic remarks are shown, errors and warnings raise."""
    changes = sandbox.check("sh", "-c", "ls /build/*.changes").split()
    options = ("--fail-on", "error,warning", "--pedantic", "--display-info", "--tag-display-limit", "0")
    answer = sandbox.run(*_AS_NOBODY, "lintian", *options, *changes, directory="/build")
    if answer.status != 0:
        raise DebError(f"lintian is not content:\n{answer.output}")
    return answer.output


def _copy_results(sandbox: Sandbox) -> None:
    sandbox.check("sh", "-c", "find /build -maxdepth 1 -type f -exec cp -t /exchange/result {} +")
