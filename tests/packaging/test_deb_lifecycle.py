"""The package comes, changes and goes, without a running system: all that happens is dpkg's doing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from deb.build import built_package

from kmodd import __version__
from kmodd.core.modprobe_conf import HEADER
from tests.packaging.machine import Machine, machine

pytestmark = pytest.mark.chroot

FIRST, LAST = "/etc/modprobe.d/00-kmodd.conf", "/etc/modprobe.d/zz-kmodd.conf"
NEXT = f"{__version__}.1"
NOTE = "/var/lib/kmodd/modprobe-file"
UNITS = {
    "kmodd.service": "/etc/systemd/system/multi-user.target.wants/kmodd.service",
    "kmodd-load.service": "/etc/systemd/system/sysinit.target.wants/kmodd-load.service",
}
GENERATED = f"{HEADER}\ninstall nfsd /bin/false\n"
NEIGHBOURS = ("systemd", "udev", "dbus", "polkitd", "initramfs-tools", "kmod")


@pytest.fixture(scope="module")
def package() -> Path:
    """The tree as it is."""
    return built_package()


@pytest.fixture(scope="module")
def next_package() -> Path:
    """The same tree as a later version."""
    return built_package(NEXT)


@pytest.fixture
def debian() -> Iterator[Machine]:
    """A fresh machine."""
    with machine() as fresh:
        yield fresh


def test_what_is_installed_works_and_nothing_is_left_of_it(debian: Machine, package: Path) -> None:
    before = debian.files()
    said = debian.install(package)
    assert debian.status() == "install ok installed"
    assert "Processing triggers for initramfs-tools" in said
    for link in UNITS.values():
        assert debian.exists(link)
    assert debian.exists("/etc/kmodd.d")
    assert debian.run("find", "/usr/lib/python3/dist-packages/kmodd", "-name", "*.pyc")
    debian.write("/exchange/installed", Path("packaging/debian/tests/installed").read_text())
    debian.run("sh", "-e", "/exchange/installed")
    debian.dpkg("--purge", "kmodd")
    assert debian.files() - {"d 755 /run/modprobe.d"} == before


def test_removal_takes_what_kmodd_generated_and_purge_what_it_remembers(
    debian: Machine, package: Path
) -> None:
    debian.install(package)
    debian.write("/etc/kmodd.d/10-loop.toml", "[module.loop]\n")
    debian.write("/etc/modprobe.d/mine.conf", "blacklist floppy\n")
    debian.write(NOTE, FIRST)
    for path in (FIRST, LAST):
        debian.write(path, GENERATED)
    debian.write("/etc/modprobe.d/.00-kmodd.conf.new", "half wri")
    debian.dpkg("--remove", "kmodd")
    assert debian.status() == "deinstall ok config-files"
    assert debian.run("ls", "--almost-all", "/etc/modprobe.d").split() == ["mine.conf"]
    assert debian.exists(NOTE)
    debian.write("/run/kmodd.d/20-override.toml", "[module.loop]\n")
    debian.write("/run/kmodd/catalog.json", "{}")
    said = debian.dpkg("--purge", "kmodd")
    assert "'/etc/kmodd.d' not empty so not removed" in said
    assert debian.read("/etc/kmodd.d/10-loop.toml") == "[module.loop]\n"
    for gone in ("/var/lib/kmodd", "/run/kmodd", "/run/kmodd.d", "/etc/kmodd", *UNITS.values()):
        assert not debian.exists(gone)


def test_generated_files_go_from_where_the_settings_put_them(debian: Machine, package: Path) -> None:
    debian.install(package)
    elsewhere = "/run/modprobe.d/ours of kmodd.conf"
    debian.write(NOTE, elsewhere)
    for path in (elsewhere, "/run/modprobe.d/zz-kmodd.conf", FIRST):
        debian.write(path, GENERATED)
    debian.dpkg("--remove", "kmodd")
    assert not debian.run("ls", "--almost-all", "/run/modprobe.d")
    assert not debian.exists(FIRST)


def test_files_of_others_stay_even_with_names_of_ours(debian: Machine, package: Path) -> None:
    debian.install(package)
    debian.write(FIRST, f"# mine\n{HEADER}\n")
    debian.write("/root/modules.conf", GENERATED)
    debian.run("ln", "--symbolic", "/root/modules.conf", LAST)
    debian.write(NOTE, "/etc/modprobe.d/fifo")
    debian.run("mkfifo", "/etc/modprobe.d/fifo")
    debian.dpkg("--purge", "kmodd")
    for kept in (FIRST, LAST, "/root/modules.conf", "/etc/modprobe.d/fifo"):
        assert debian.exists(kept)


def test_settings_and_choices_of_a_person_outlive_upgrade_and_downgrade(
    debian: Machine, package: Path, next_package: Path
) -> None:
    debian.install(package)
    debian.write("/etc/kmodd/kmodd.toml", "enforce = false\n")
    debian.write(FIRST, GENERATED)
    debian.run("systemctl", "disable", "kmodd.service")
    for version, file in ((NEXT, next_package), (__version__, package)):
        debian.install(file)
        assert debian.run("kmoddctl", "--version") == f"kmoddctl {version}\n"
        assert debian.read("/etc/kmodd/kmodd.toml") == "enforce = false\n"
        assert debian.read(FIRST) == GENERATED
        assert not debian.exists(UNITS["kmodd.service"])
        assert debian.exists(UNITS["kmodd-load.service"])


def test_new_settings_of_the_package_never_replace_a_persons(
    debian: Machine, package: Path, next_package: Path
) -> None:
    debian.install(package)
    debian.write("/etc/kmodd/kmodd.toml", "enforce = false\n")
    shutil.copyfile(next_package, debian.exchange / "next.deb")
    debian.run("dpkg-deb", "--raw-extract", "/exchange/next.deb", "/exchange/next")
    debian.write("/exchange/next/etc/kmodd/kmodd.toml", "# new defaults\n")
    debian.run("dpkg-deb", "--build", "--root-owner-group", "/exchange/next", "/exchange/next.deb")
    assert (
        debian.sandbox.run("dpkg", "--install", "/exchange/next.deb").status != 0
    )  # nobody is there to be asked
    assert debian.read("/etc/kmodd/kmodd.toml") == "enforce = false\n"
    debian.dpkg("--configure", "--force-confold", "kmodd")
    assert debian.read("/etc/kmodd/kmodd.toml") == "enforce = false\n"
    assert debian.read("/etc/kmodd/kmodd.toml.dpkg-dist") == "# new defaults\n"


def test_no_script_minds_being_run_again(debian: Machine, package: Path) -> None:
    debian.install(package)
    scripts = "/var/lib/dpkg/info/kmodd."
    debian.run(f"{scripts}postinst", "configure", __version__)
    installed = debian.files()
    debian.run(f"{scripts}postinst", "configure", __version__)
    assert debian.files() == installed
    debian.write(FIRST, GENERATED)
    debian.dpkg("--remove", "kmodd")
    removed = debian.files()
    for arguments in (("remove",), ("upgrade", NEXT), ("abort-install",)):
        debian.run(f"{scripts}postrm", *arguments)
    assert debian.files() == removed
    debian.run(f"{scripts}postrm", "purge")
    debian.dpkg("--purge", "kmodd")
    assert not debian.exists("/var/lib/kmodd")


def test_nothing_that_is_only_recommended_is_needed(debian: Machine, package: Path) -> None:
    debian.dpkg("--purge", "--force-depends", *NEIGHBOURS)
    before = debian.files()
    debian.install(package)
    assert debian.status() == "install ok installed"
    debian.write(FIRST, GENERATED)
    debian.dpkg("--purge", "kmodd")
    assert debian.files() - before <= {"d 755 /etc/modprobe.d"}
