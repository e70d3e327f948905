"""initramfs-record: what it leaves behind, and what it says when it cannot."""

from pathlib import Path

import pytest

from kmodd.core.initramfs import Held
from kmodd.initramfs.main import main
from kmodd.initramfs.record import Record, read, stamp_of
from tests.support.initramfs import RELEASE, archive_of, compressed, generated, module_file

OURS = generated("options loop max_loop=8")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "initrd.img"
    files = {module_file("loop.ko"): "", "etc/modprobe.d/00-kmodd.conf": OURS}
    path.write_bytes(compressed(archive_of(files), "gzip", "-c"))
    return path


def test_what_the_image_holds_is_recorded_with_its_stamp(image: Path, tmp_path: Path) -> None:
    assert main([RELEASE, str(image)], tmp_path / "state/initramfs") == 0
    held = Held(frozenset(("loop",)), (OURS,))
    expected = Record(str(image), stamp_of(image.stat()), held)
    assert read(tmp_path / "state/initramfs" / RELEASE) == expected


@pytest.mark.parametrize(
    "arguments", [[], [RELEASE], ["..", "/boot/image"], [RELEASE, "relative"], [RELEASE, "/image", "more"]]
)
def test_called_otherwise_it_says_how(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, tmp_path) == 1
    assert capsys.readouterr().err == "W: kmodd: usage: initramfs-record KERNEL-RELEASE IMAGE\n"
    assert not list(tmp_path.iterdir())


def test_an_image_that_cannot_be_read_leaves_the_old_record(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([RELEASE, str(image)], tmp_path / "records")
    before = read(tmp_path / "records" / RELEASE)
    image.write_bytes(b"no image")
    assert main([RELEASE, str(image)], tmp_path / "records") == 1
    assert capsys.readouterr().err == (
        f"W: kmodd: what {image} holds cannot be told: it is neither an archive nor compressed as the kernel "
        "knows it\n"
    )
    assert before is not None
    # The old record is about another image, as its stamp says.
    assert read(tmp_path / "records" / RELEASE) == before
    assert before.stamp != stamp_of(image.stat())


def test_no_image_and_no_place_are_said(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([RELEASE, str(tmp_path / "gone")], tmp_path / "records") == 1
    (tmp_path / "file").write_text("")
    assert main([RELEASE, str(image)], tmp_path / "file/records") == 1
    assert capsys.readouterr().err == (
        f"W: kmodd: {tmp_path}/gone: No such file or directory\n"
        f"W: kmodd: {tmp_path}/file/records: Not a directory\n"
    )
