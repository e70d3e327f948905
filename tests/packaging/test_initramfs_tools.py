"""Hook and scripts in a Debian's own initramfs-tools: what reaches the image, and what is known of it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kmodd.core.initramfs import compare
from kmodd.core.modprobe_conf import HEADER
from kmodd.initramfs.record import Record, read, stamp_of
from kmodd.names import ModuleName
from kmodd.shown import Initramfs
from tests.support.images.root import Root, root

FIRST, LAST = "/etc/modprobe.d/00-kmodd.conf", "/etc/modprobe.d/zz-kmodd.conf"
OPTIONS = f"{HEADER}\nblacklist nouveau\noptions loop max_loop=8\n"
NOTE = "/var/lib/kmodd/modprobe-file"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    """A Debian whose images have few modules, so that one takes seconds."""
    with root(tmp_path_factory.mktemp("initramfs")) as made:
        made.write("/etc/initramfs-tools/conf.d/few", "MODULES=list\nCOMPRESS=gzip\n")
        made.write("/etc/initramfs-tools/modules", "loop\nnvme\n")
        yield made


@pytest.fixture
def debian(whole: Root) -> Iterator[Root]:
    """Nothing is left of the test before."""
    yield whole
    for path in (FIRST, LAST, NOTE, f"/var/lib/kmodd/initramfs/{whole.release}"):
        (whole.path / path[1:]).unlink(missing_ok=True)


def recorded(debian: Root) -> Record:
    """The record of the kernel's image, as the daemon reads it."""
    record = read(debian.path / "var/lib/kmodd/initramfs" / debian.release)
    assert record is not None
    return record


def image(debian: Root) -> Path:
    return debian.path / "boot" / f"initrd.img-{debian.release}"


def listed(debian: Root) -> list[str]:
    """What initramfs-tools itself finds in the image."""
    return debian.run("lsinitramfs", f"/boot/initrd.img-{debian.release}").splitlines()


def test_what_is_generated_is_in_the_image_and_what_the_image_holds_is_recorded(debian: Root) -> None:
    debian.write(FIRST, OPTIONS)
    debian.write("/etc/modprobe.d/other.conf", "options nvme use_threaded_interrupts=1\n")
    said = debian.run("update-initramfs", "-u")
    assert "kmodd" not in said
    record = recorded(debian)
    assert record.image == f"/boot/{image(debian).name}"
    assert record.stamp == stamp_of(image(debian).stat())
    assert record.held.texts == (OPTIONS,)
    modules = [Path(name).name for name in listed(debian) if ".ko" in name]
    assert record.held.modules == {name.partition(".")[0].replace("-", "_") for name in modules}
    assert {"loop", "nvme", "nvme_core"} <= record.held.modules
    assert compare(record.held, (OPTIONS, "")).state is Initramfs.CURRENT
    changed = OPTIONS.replace("max_loop=8", "max_loop=9").replace("nouveau", "floppy")
    assert compare(record.held, (changed, "")).modules == (ModuleName("loop"),)


def test_a_new_image_holds_what_is_generated_then(debian: Root) -> None:
    debian.write(FIRST, OPTIONS)
    debian.run("update-initramfs", "-u")
    (debian.path / FIRST[1:]).unlink()
    debian.write(LAST, OPTIONS)
    assert compare(recorded(debian).held, ("", "")).state is Initramfs.STALE
    debian.run("update-initramfs", "-u", "-k", "all")
    assert recorded(debian).held.texts == (OPTIONS,)


def test_files_that_kmodd_generates_elsewhere_reach_it_too(debian: Root) -> None:
    debian.write(NOTE, "/usr/local/lib/modprobe.d/50-site.conf")
    debian.write("/usr/local/lib/modprobe.d/50-site.conf", OPTIONS)
    debian.write("/usr/local/lib/modprobe.d/zz-kmodd.conf", f"{HEADER}\noptions loop max_loop=8\n")
    debian.run("update-initramfs", "-u")
    assert recorded(debian).held.texts == (OPTIONS, f"{HEADER}\noptions loop max_loop=8\n")
    assert {"etc/modprobe.d/50-site.conf", "etc/modprobe.d/zz-kmodd.conf"} <= set(listed(debian))


def test_a_note_that_leads_nowhere_does_no_harm(debian: Root) -> None:
    for note in ("", "relative.conf", "/etc/shadow", "/nowhere/00-kmodd.conf", "/a\n/b.conf", "/etc"):
        debian.write(NOTE, note)
        debian.run("env", "DESTDIR=/tmp/image", "verbose=y", "/usr/share/initramfs-tools/hooks/kmodd")
    assert not (debian.path / "tmp/image").exists()


def test_an_image_is_made_whether_it_can_be_recorded_or_not(debian: Root) -> None:
    directory, aside = debian.path / "var/lib/kmodd", debian.path / "var/lib/aside"
    directory.mkdir(exist_ok=True)
    directory.rename(aside)
    before = image(debian).stat().st_ino
    try:
        debian.write("/var/lib/kmodd", "no directory")
        said = debian.run("update-initramfs", "-u")
    finally:
        directory.unlink()
        aside.rename(directory)
    assert "W: kmodd: /var/lib/kmodd/initramfs: Not a directory\n" in said
    assert f"W: kmodd will not tell when /boot/{image(debian).name} is out of date\n" in said
    assert image(debian).stat().st_ino != before


def test_when_kmodd_is_removed_and_not_purged_its_scripts_are_silent(debian: Root) -> None:
    recorder = debian.path / "usr/libexec/kmodd/initramfs-record"
    recorder.rename(recorder.with_name("aside"))
    try:
        said = debian.run("update-initramfs", "-u")
    finally:
        recorder.with_name("aside").rename(recorder)
    assert "kmodd" not in said


def test_the_record_goes_with_its_kernel_and_no_other_does(debian: Root) -> None:
    debian.run("update-initramfs", "-u")
    records = debian.path / "var/lib/kmodd/initramfs"
    (records / "6.0.0-gone").write_text("{}")
    for release in ("6.0.0-gone", "", "..", "../initramfs"):
        debian.run("/etc/kernel/postrm.d/kmodd", release, f"/boot/vmlinuz-{release}")
    assert [path.name for path in records.iterdir()] == [debian.release]


def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    directory = Path(__file__).resolve().parents[2] / "packaging/initramfs"
    scripts = [path for path in sorted(directory.iterdir()) if path.read_text().startswith("#!/bin/sh")]
    assert len(scripts) == 3
    subprocess.run(["shellcheck", *scripts], check=True)
