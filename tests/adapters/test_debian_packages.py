"""Debian's packages, fetched by the real apt."""

import os
import shutil
from pathlib import Path

import pytest

from tests.support.debian_packages import DebianPackagesMissing, PackageFiles, fetch, lines_of, listed

SMALL = ("iwd", "libpsm2-2-compat")


def kinds(package: PackageFiles) -> set[str]:
    """The kinds of lines that a package ships, in the words of the list."""
    lines = {line.split()[0] for path in package.modprobe for line in lines_of(path)}
    loads = {"load" for path in package.modules_load if lines_of(path)}
    return lines | loads or {"none"}


def without_downloads(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """Let apt-get answer from its lists, and fail at anything else."""
    script = directory / "apt-get"
    real = shutil.which("apt-get")
    script.write_text(f'#!/bin/sh\ncase "$*" in *--print-uris*) exec {real} "$@";; esac\nexit 1\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(directory), prepend=":")


def offline_and_new(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """Let apt have neither lists nor a program that fetches them (apt.conf(5))."""
    (directory / "lists").mkdir()
    path = directory / "apt.conf"
    settings = (f'Dir::State::Lists "{directory}/lists";', f'Dir::Bin::Methods "{directory}/no-methods";')
    path.write_text("\n".join(settings))
    monkeypatch.setenv("APT_CONFIG", str(path))


def test_the_list_has_twenty_packages_and_every_kind_of_line() -> None:
    packages = listed()
    names = [package.name for package in packages]
    assert len(names) == len(set(names)) >= 20
    every = frozenset().union(*(package.ships for package in packages))
    assert every == {"options", "blacklist", "install", "remove", "softdep", "load", "none"}


def test_a_package_without_kinds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# comment\nkmod options\nmdadm\n")
    with pytest.raises(ValueError, match="mdadm"):
        listed(path)


def test_every_listed_package_ships_what_the_list_says(debian_packages: tuple[PackageFiles, ...]) -> None:
    for entry, package in zip(listed(), debian_packages, strict=True):
        assert package.name == entry.name
        assert package.modprobe + package.modules_load, f"{package.name} ships nothing"
        assert kinds(package) <= entry.ships


def test_no_file_hides_another(debian_packages: tuple[PackageFiles, ...]) -> None:
    for kind in ("modprobe", "modules_load"):
        names = [path.name for package in debian_packages for path in getattr(package, kind)]
        assert len(names) == len(set(names))


def test_a_second_call_needs_no_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    first = fetch(SMALL, cache)
    without_downloads(monkeypatch, tmp_path)
    assert fetch(SMALL, cache) == first
    with pytest.raises(DebianPackagesMissing):
        fetch(SMALL, tmp_path / "another")
    assert [path.name for package in first for path in package.modprobe] == ["libpsm2-compat.conf"]
    assert sorted(os.listdir(cache)) == sorted(path.name for path in cache.glob("*_*_*"))


def test_no_archive_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline_and_new(monkeypatch, tmp_path)
    with pytest.raises(DebianPackagesMissing, match=r"(?s)apt-get.* download .*libpsm2-2-compat"):
        fetch(SMALL, tmp_path / "cache")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("# a\n\n ; b\noptions x y=1\n", ("options x y=1",)),
        ("softdep a pre: \\\n  b\nblacklist c\n", ("softdep a pre:   b", "blacklist c")),
        ("", ()),
    ],
)
def test_lines_of_a_file(tmp_path: Path, text: str, lines: tuple[str, ...]) -> None:
    path = tmp_path / "x.conf"
    path.write_text(text)
    assert lines_of(path) == lines
