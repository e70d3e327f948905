"""Packages of other distributions, built from the checkout with the tools that Debian has of theirs."""

import os
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import install
import pytest
from deb.tree import for_binary, tracked

from kmodd import __version__

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGING = REPOSITORY / "packaging"
SPEC = PACKAGING / "rpm" / "kmodd.spec"
MACROS = Path(__file__).with_name("fedora.macros")
SITE_PACKAGES = sysconfig.get_path("purelib", "venv", {"base": "/usr", "platbase": "/usr"})
"""Where a package for the interpreter of these tests has its modules."""

_TIMEOUT_S = 300
_INITRAMFS_TOOLS = ("/usr/share/initramfs-tools/", "/etc/initramfs/", "/etc/kernel/")
_SOMEBODY = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


def run(*command: str | Path, cwd: Path | None = None, more: Mapping[str, str] | None = None) -> str:
    """What a builder prints; its home is ``cwd``, or for the checkout one that is gone afterwards.

    Raises AssertionError with all that it printed if it fails.
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    words = list(map(str, command))
    with TemporaryDirectory() as home:
        environment = {"PATH": path, "HOME": str(cwd or home), "LC_ALL": "C.UTF-8", **(more or {})}
        done = subprocess.run(
            words,
            cwd=cwd or REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
    assert done.returncode == 0, f"{words[0]}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def source_archive(directory: Path) -> Path:
    """kmodd-VERSION.tar.gz of what can change a package, as git archive would make it."""
    name = f"kmodd-{__version__}"
    archive = directory / f"{name}.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for path, source in for_binary(tracked()).items():
            tar.add(source, f"{name}/{path}")
    return archive


def build_rpm(directory: Path) -> Path:
    """The package as rpmbuild makes it of kmodd.spec."""
    (directory / "SOURCES").mkdir()
    source_archive(directory / "SOURCES")
    at_home(directory, "rpmbuild", "-bb", "--nodeps", SPEC)
    (package,) = (directory / "RPMS").rglob("*.rpm")
    return package


def at_home(directory: Path, *command: str | Path) -> str:
    """What a tool of rpm prints where ``directory`` is its home, with Fedora's macros."""
    own = {"_topdir": directory, "python3": sys.executable, "python3_sitelib": SITE_PACKAGES}
    lines = [f"%{name} {value}\n" for name, value in own.items()]
    (directory / ".rpmmacros").write_text(MACROS.read_text() + "".join(lines))
    return run(*command, cwd=directory)


def parsed_spec(directory: Path) -> str:
    """kmodd.spec with its macros replaced."""
    return at_home(directory, "rpmspec", "--parse", SPEC)


def build_arch(directory: Path) -> Path:
    """The package as makepkg makes it of PKGBUILD; it refuses root, who is somebody else for so long.

    Skips where the kernel, or a container around, permits no user namespaces.
    """
    source_archive(directory)
    for name in ("PKGBUILD", "kmodd.install"):
        (directory / name).write_bytes((PACKAGING / "arch" / name).read_bytes())
    as_user = _SOMEBODY if os.geteuid() == 0 else ()
    if as_user and subprocess.run([*as_user, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("makepkg refuses root, and no user namespaces are permitted here (unshare --user)")
    run(*as_user, "makepkg", "--nodeps", "--noconfirm", cwd=directory, more={"PKGEXT": ".pkg.tar"})
    (package,) = directory.glob("*.pkg.tar")
    return package


def expected() -> set[str]:
    """What a package has where initramfs-tools is not: the rest of the table."""
    table = {str(file.target) for file in install.placed()}
    return {path for path in table if not path.startswith(_INITRAMFS_TOOLS)}


def has_our_programs(package: Path, before: str = "") -> bool:
    """Whether they are in the place of pip's, and know where the package lies; ``before`` each path."""
    variables = {**install.VARIABLES, "pythondir": SITE_PACKAGES}
    programs = [file for file in install.placed() if file.target.parent == Path("/usr/bin")]
    return [run("bsdtar", "-xOf", package, f"{before}{file.target}"[1:]) for file in programs] == [
        install.content(file.source, variables).decode() for file in programs
    ]


def modules() -> set[str]:
    """The Python files of every package, below SITE_PACKAGES."""
    sources = (path for path in tracked() if path.startswith("kmodd/"))
    return {f"{SITE_PACKAGES}/{path}" for path in sources}


def apart(paths: Iterable[str]) -> tuple[set[str], set[str]]:
    """Files but for modules, licenses and others' documents; and modules but for what Python and pip add."""
    plain = {path.removesuffix(".gz") if "/man/man" in path else path for path in paths}
    code = {path for path in plain if path.startswith(f"{SITE_PACKAGES}/")}
    ours = {path for path in code if "/__pycache__/" not in path and ".dist-info/" not in path}
    others = {
        path for path in plain - code if not path.startswith(("/usr/share/doc/", "/usr/share/licenses/"))
    }
    return others | (plain & expected()), ours
