"""What passes make of the record of the initramfs: read once, and only about the image it was made of."""

from pathlib import Path

import pytest

import kmodd.daemon.initramfs
from kmodd.core.initramfs import Held
from kmodd.daemon.initramfs import InitramfsCopies
from kmodd.initramfs.record import Record, read, stamp_of, write
from kmodd.model import Settings
from kmodd.names import ModuleName
from kmodd.shown import Condition, DaemonState, Initramfs
from tests.support.daemon import CONFIG, MODULES, SimulatedDaemon, play, with_parameters
from tests.support.initramfs import generated

LOW, HIGH = with_parameters("dummy", level="1"), with_parameters("dummy", level="2")
LINES = generated("options dummy level=1")


def state(daemon: SimulatedDaemon) -> Initramfs:
    """As the bus shows it."""
    return daemon.snapshot.initramfs.state


class Image:
    """An image of the simulated kernel, with ``dummy`` in it."""

    def __init__(self, path: Path, daemon: SimulatedDaemon) -> None:
        self.path = path / "initrd.img"
        self.record = path / "initramfs" / daemon.kernel.release()

    def make(self, *texts: str) -> None:
        """The image with these copies, and its record."""
        self.path.write_text(repr(texts))
        held = Held(frozenset(("dummy", "other")), texts)
        write(self.record, Record(str(self.path), stamp_of(self.path.stat()), held))


def test_without_a_record_nothing_is_known_and_nothing_is_said(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(LOW)
        await daemon.second()
        assert state(daemon) is Initramfs.UNKNOWN
        assert daemon.snapshot.issues == ()

    play(tmp_path, scenario)


def test_a_changed_parameter_makes_it_stale_and_a_new_image_current(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        image = Image(tmp_path, daemon)
        image.make(LINES)
        daemon.declare(LOW)
        await daemon.second()
        assert state(daemon) is Initramfs.CURRENT
        daemon.declare(HIGH)
        await daemon.look(CONFIG)
        assert state(daemon) is Initramfs.STALE
        assert [issue.code for issue in daemon.snapshot.issues] == ["initramfs-stale"]
        assert daemon.status("dummy").condition is Condition.IN_SYNC
        assert daemon.status("dummy").message.endswith("(update-initramfs -u -k all)")
        # A warning is no trouble: the kernel is as declared.
        assert daemon.state() is DaemonState.CONVERGED
        assert daemon.snapshot.converged
        image.make(generated("options dummy level=2"))
        await daemon.look(MODULES)
        assert state(daemon) is Initramfs.CURRENT
        assert daemon.snapshot.issues == ()
        assert daemon.status("dummy").message == "declared"

    play(tmp_path, scenario)


def test_what_is_declared_no_more_is_stale_until_the_image_is_made_anew(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        image = Image(tmp_path, daemon)
        image.make(LINES)
        await daemon.second()
        assert daemon.snapshot.initramfs.modules == (ModuleName("dummy"),)
        image.make()
        await daemon.look(MODULES)
        assert state(daemon) is Initramfs.CURRENT

    play(tmp_path, scenario)


def test_while_kmodd_only_reports_it_does_not_know_what_others_obey(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        Image(tmp_path, daemon).make()
        daemon.declare(LOW)
        settings = Settings(modprobe_file=str(daemon.modprobe_file), enforce=False)
        daemon.catalog = daemon.catalog._replace(settings=settings)
        await daemon.second()
        assert state(daemon) is Initramfs.UNKNOWN

    play(tmp_path, scenario)


def test_while_the_generated_file_cannot_be_written_it_does_not_know_either(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        Image(tmp_path, daemon).make()
        daemon.modprobe_file.write_text("somebody else's\n")
        daemon.declare(LOW)
        await daemon.second()
        assert daemon.snapshot.problem
        assert state(daemon) is Initramfs.UNKNOWN

    play(tmp_path, scenario)


def copies(tmp_path: Path, *texts: str) -> InitramfsCopies:
    """Of an image with these copies."""
    (tmp_path / "initrd.img").write_text(repr(texts))
    stamp = stamp_of((tmp_path / "initrd.img").stat())
    record = Record(str(tmp_path / "initrd.img"), stamp, Held(frozenset(("dummy",)), texts))
    write(tmp_path / "records/6.12", record)
    return InitramfsCopies(tmp_path / "records", "6.12")


def test_a_record_is_read_once_and_compared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []

    def counted(path: Path) -> Record | None:
        reads.append(path)
        return read(path)

    monkeypatch.setattr(kmodd.daemon.initramfs, "read", counted)
    watched = copies(tmp_path, LINES)
    first = watched.look((LINES, ""))
    assert watched.look((LINES, "")) is first
    assert watched.look(("", "")).state is Initramfs.STALE
    assert len(reads) == 1
    copies(tmp_path)
    assert watched.look(("", "")).state is Initramfs.CURRENT
    assert len(reads) == 2


def test_another_image_than_the_recorded_one_is_unknown(tmp_path: Path) -> None:
    watched = copies(tmp_path, LINES)
    assert watched.look(("",)).state is Initramfs.STALE
    (tmp_path / "initrd.img").write_text("made without a record")
    assert watched.look(("",)).state is Initramfs.UNKNOWN
    (tmp_path / "initrd.img").unlink()
    assert watched.look(("",)).state is Initramfs.UNKNOWN


def test_records_of_other_kernels_and_damaged_ones_are_nothing(tmp_path: Path) -> None:
    watched = copies(tmp_path, LINES)
    assert InitramfsCopies(tmp_path / "records", "6.13").look(("",)).state is Initramfs.UNKNOWN
    assert InitramfsCopies(tmp_path / "records", "../records/6.12").look(("",)).state is Initramfs.UNKNOWN
    (tmp_path / "records/6.12").write_text("{}")
    assert watched.look(("",)).state is Initramfs.UNKNOWN
