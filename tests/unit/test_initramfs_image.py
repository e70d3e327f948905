"""Images taken apart: as generators write them, and as nobody should."""

import io
import stat
import tempfile
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kmodd.core.initramfs import Held
from kmodd.initramfs.archive import LARGEST_KEPT, NoImage, Reader, entries
from kmodd.initramfs.image import read_image
from tests.support.initramfs import (
    DIRECTORY,
    FILE,
    LINK,
    RELEASE,
    archive,
    archive_of,
    compressed,
    entry,
    generated,
    module_file,
)

CONF = "etc/modprobe.d/00-kmodd.conf"
OURS = generated("options loop max_loop=8")
MICROCODE = archive_of({"kernel/x86/microcode/GenuineIntel.bin": "microcode"})
MODULES = archive_of({module_file("loop.ko.xz"): "loop", module_file("nvme-core.ko"): "nvme"})
MAIN = archive_of({"init": "#!/bin/sh", CONF: OURS})
WHOLE = Held(frozenset(("loop", "nvme_core")), (OURS,))


def held(content: bytes, release: str = RELEASE) -> Held:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        return read_image(file, release)


COMPRESSORS = [
    ("gzip", "-c"),
    ("zstd", "-qc"),
    ("xz", "-c", "--check=crc32"),
    ("xz", "-c", "--format=lzma"),
    ("lz4", "-lc"),
    ("bzip2", "-c"),
    ("lzop", "-c"),
]


@pytest.mark.parametrize("command", COMPRESSORS, ids=" ".join)
def test_the_compressed_rest_is_read_behind_plain_archives(command: tuple[str, ...]) -> None:
    assert held(MICROCODE + MODULES + compressed(MAIN, *command)) == WHOLE
    assert held(compressed(MODULES + MAIN, *command)) == WHOLE


def test_plain_archives_alone_and_what_stands_between_them() -> None:
    assert held(MICROCODE + MODULES + MAIN) == WHOLE
    assert held(MODULES + bytes(4096) + MAIN + bytes(1000)) == WHOLE


def test_a_compressed_archive_may_be_followed_by_one_of_its_kind() -> None:
    assert held(compressed(MODULES, "gzip", "-c") + compressed(MAIN, "gzip", "-c")) == WHOLE


def test_only_modules_of_that_kernel_count_under_their_names() -> None:
    files = {
        module_file("other.ko.zst", "6.11.0"): "",
        module_file("snd-hda-intel.ko.gz"): "",
        f"lib/modules/{RELEASE}/updates/dkms/nvidia.ko": "",
        f"./usr/lib/modules/{RELEASE}/extra.ko": "",
        module_file("modules.dep"): "",
        module_file("notes.ko.txt"): "",
        module_file("x" * 56 + ".ko"): "",
        "usr/share/doc/loop.ko": "",
    }
    assert held(archive_of(files)).modules == {"snd_hda_intel", "nvidia", "extra"}


def test_files_of_modprobe_d_are_ours_by_what_they_begin_with() -> None:
    files = {
        "etc/modprobe.d/zz-kmodd.conf": generated("options b x=1"),
        "run/modprobe.d/00-mine.conf": generated("options a x=1"),
        "usr/local/lib/modprobe.d/50.conf": generated("options l x=1"),
        "etc/modprobe.d/10-theirs.conf": "options c x=1\n",
        "etc/modprobe.d/20-unread.txt": generated("options d x=1"),
        "etc/modprobe.d/sub/30.conf": generated("options e x=1"),
        "usr/share/modprobe.d/40.conf": generated("options f x=1"),
    }
    assert held(archive_of(files)).texts == tuple(generated(f"options {n} x=1") for n in "alb")


def test_a_file_hides_those_of_its_name_in_lower_directories() -> None:
    files = {
        "etc/modprobe.d/zz-kmodd.conf": OURS,
        "usr/lib/modprobe.d/zz-kmodd.conf": "options a x=2\n",
        "usr/lib/modprobe.d/00-kmodd.conf": generated("options a x=3"),
        "run/modprobe.d/00-kmodd.conf": "# nothing\n",
    }
    assert held(archive_of(files)).texts == (OURS,)


def test_of_one_file_twice_the_later_counts_as_the_kernel_unpacks_them() -> None:
    assert held(archive_of({CONF: generated("options a x=1")}) + archive_of({CONF: OURS})).texts == (OURS,)


def test_what_is_no_regular_file_is_passed_over() -> None:
    content = archive(
        entry(module_file("directory.ko").encode(), mode=DIRECTORY),
        entry(module_file("link.ko").encode(), b"loop.ko", LINK),
        entry(CONF.encode(), OURS.encode(), LINK),
        entry(b"dev/console", mode=stat.S_IFCHR | 0o600),
        entry(module_file("loop.ko").encode(), b"content"),
    )
    assert held(content) == Held(frozenset(("loop",)))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is neither an archive nor compressed as the kernel knows it"),
        (b"MZ, a program", "it is neither an archive nor compressed as the kernel knows it"),
        (bytes(512) + b"more", "it is neither an archive nor compressed as the kernel knows it"),
        (MAIN + b"more", "it is neither an archive nor compressed as the kernel knows it"),
        (MAIN[:300], "it is cut off"),
        (entry(b"a"), "it is cut off"),
        (entry(b"a") + b"x" * 110, "there is no header of an archive at 112"),
        (entry(b"x" * 5000), "a name in it is longer than a path can be"),
        (
            entry(CONF.encode(), size=LARGEST_KEPT + 1),
            "a file of modprobe.d in it is larger than that can be",
        ),
        (MODULES + compressed(MAIN, "gzip", "-c")[:-4], "gzip does not come to its end"),
        (compressed(b"no archive", "gzip", "-c"), "gzip does not come to its end"),
        (compressed(MAIN + b"more", "gzip", "-c"), "gzip does not come to its end"),
    ],
)
def test_what_is_no_whole_image_is_refused_with_the_reason(content: bytes, sentence: str) -> None:
    with pytest.raises(NoImage) as caught:
        held(content)
    assert str(caught.value) == sentence


def test_a_large_file_that_nobody_asked_for_is_not_kept() -> None:
    assert held(archive(entry(module_file("loop.ko").encode(), bytes(3_000_001)))).modules == {"loop"}


@given(st.binary(max_size=600))
@example(entry(b"a", mode=FILE)[:-2] + b"0707")
def test_whatever_bytes_come_it_ends_and_reads_no_further(content: bytes) -> None:
    for whole in (content, entry(b"a") + content, b"070701" + content):
        reader = Reader(io.BytesIO(whole))
        with suppress(NoImage):
            list(entries(reader, bool))
        assert reader.offset <= len(whole)
