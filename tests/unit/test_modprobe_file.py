"""The generated file on a real file system: when it is written, and never over what."""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from errno import ENOSPC, EROFS
from pathlib import Path

import pytest

import kmodd.daemon.modprobe_file
from kmodd.core.draft import Evidence
from kmodd.core.modprobe_conf import HEADER
from kmodd.errors import ErrorKind, Kind, KmoddError
from kmodd.files import write_atomically
from kmodd.model import Declaration, Proof
from tests.support.generated_file import CARD, DENIAL, DENY, DRIVER, Place, identity, with_text
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated_kernel import SimulatedModule, module


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files that are written, by the name of each."""
    written: list[Path] = []

    def write(path: Path, content: bytes, *, durable: bool = False, mode: int = 0o600) -> None:
        written.append(path)
        write_atomically(path, content, durable=durable, mode=mode)

    monkeypatch.setattr(kmodd.daemon.modprobe_file, "write_atomically", write)
    return written


@pytest.mark.shows("security 5")
def test_what_is_desired_is_written_and_proved(place: Place) -> None:
    evidence = place.apply(DENY, with_text("x"))
    assert place.lines() == ["options card text=x", *DENIAL]
    assert evidence.proofs == {DRIVER: Proof(DRIVER, 1)}
    assert place.loader.restraints == [((DRIVER,), (CARD,))]
    assert not place.file.problem


def test_it_is_written_only_when_its_text_changes(place: Place, writes: list[Path]) -> None:
    place.apply(DENY)
    before = identity(place.path)
    place.apply(DENY)
    place.start()
    place.apply(DENY._replace(reason="said otherwise"))
    assert writes.count(place.path) == 1
    assert identity(place.path) == before
    place.apply(DENY, with_text("x"))
    assert writes.count(place.path) == 2


def test_between_two_looks_at_everything_it_is_left_alone(place: Place) -> None:
    place.apply(DENY)
    desired = place.desired(DENY)
    place.apply_as_it_is(desired)
    place.path.write_text("")
    place.apply_as_it_is(desired)
    assert place.path.read_text() == ""
    assert place.file.evidence.proofs


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_text(f"{HEADER}\n#")])
def test_what_others_did_to_it_is_mended(place: Place, spoil: Callable[[Path], None]) -> None:
    place.apply(DENY)
    spoil(place.path)
    place.apply(DENY)
    assert place.lines() == DENIAL


@pytest.mark.parametrize("kept", [1, 20, len(HEADER)])
def test_a_file_of_which_the_disk_lost_the_rest_is_written_anew(place: Place, kept: int) -> None:
    place.path.write_text(HEADER[:kept])
    place.apply(DENY)
    assert place.lines() == DENIAL
    place.path.write_text(HEADER[:kept])
    place.apply()
    assert not place.path.exists()


def test_it_is_proved_anew_when_something_has_changed_and_only_then(place: Place) -> None:
    place.apply(DENY)
    place.apply(DENY)
    place.apply(DENY, look=False)
    assert len(place.loader.restraints) == 1
    place.loader.open_ways[DRIVER] = ("driver",)
    assert place.apply(DENY, changed=True).proofs[DRIVER].open_ways, "another file of modprobe.d"
    place.path.unlink()
    place.loader.open_ways = {}
    assert not place.apply(DENY).proofs[DRIVER].open_ways, "the file itself"
    assert len(place.loader.restraints) == 3


@pytest.mark.parametrize("umask", [0o077, 0o000, 0o777])
def test_everybody_may_read_it_whatever_the_umask(place: Place, umask: int) -> None:
    old = os.umask(umask)
    try:
        place.apply(DENY)
    finally:
        os.umask(old)
    assert stat.S_IMODE(place.path.stat().st_mode) == 0o644


def test_with_nothing_to_say_it_is_taken_away(place: Place) -> None:
    place.apply(DENY)
    evidence = place.apply(Declaration(CARD))
    assert not place.path.exists()
    assert evidence == Evidence()
    assert os.listdir(place.path.parent) == []
    place.apply(Declaration(CARD))
    assert not place.file.problem


def test_no_file_is_made_to_say_nothing(place: Place, writes: list[Path]) -> None:
    place.apply(Declaration(CARD))
    assert place.path not in writes
    assert not place.path.exists()


def test_without_enforcing_nothing_is_touched(place: Place) -> None:
    evidence = place.apply(DENY, enforce=False)
    assert not place.path.exists()
    assert evidence.problem == "kmodd only reports (enforce is off): no file keeps others from it"
    place.apply(DENY, look=False)
    assert place.lines() == DENIAL


def contradicted() -> Iterator[SimulatedModule]:
    """Others set a parameter of it to something else."""
    yield module("card", options="text=theirs", text=KernelParameter("charp"))
    yield module("driver")


def test_what_others_set_otherwise_is_said_again_in_a_file_that_comes_last(place: Place) -> None:
    place.kernel.tree |= {entry.name: entry for entry in contradicted()}
    place.apply(DENY, with_text("x"))
    last = place.path.with_name("zz-kmodd.conf")
    assert last.read_text().splitlines() == [HEADER, "options card text=x"]
    assert place.lines() == ["options card text=x", *DENIAL]
    place.apply(DENY, with_text("theirs"))
    assert not last.exists()
    assert place.lines() == ["options card text=theirs", *DENIAL]


def test_a_first_file_with_the_name_of_the_last_is_both(place: Place) -> None:
    place.kernel.tree |= {entry.name: entry for entry in contradicted()}
    place.path = place.path.with_name("zz-kmodd.conf")
    for declarations in ((DENY, with_text("x")), (DENY, with_text("theirs"))):
        place.apply(*declarations)
        assert place.lines()[-3:] == DENIAL
        assert os.listdir(place.path.parent) == ["zz-kmodd.conf"]


def _mine(path: Path) -> None:
    path.write_text("blacklist pcspkr\n")


def _link(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.write_text(f"{HEADER}\nold\n")
    path.symlink_to(target)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


FOREIGN: dict[str, Callable[[Path], None]] = {
    "file": _mine,
    "empty": Path.touch,
    "link": _link,
    "directory": Path.mkdir,
    "fifo": os.mkfifo,
    "socket": _socket,
}


WORDS = {"file": "somebody else's file is there", "link": "a link is there"}
WORDS["empty"] = WORDS["file"]


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_somebody_else_put_there_stays_and_is_a_problem(place: Place, kind: str) -> None:
    FOREIGN[kind](place.path)
    before = identity(place.path)
    evidence = place.apply(DENY)
    assert identity(place.path) == before
    why = WORDS.get(kind, "what is there is no regular file")
    assert place.file.problem == f"{place.path} cannot be written: {why}"
    assert evidence == Evidence(problem=place.file.problem)
    if kind == "link":
        assert place.path.resolve().read_text() == f"{HEADER}\nold\n"


@pytest.mark.parametrize("kind", FOREIGN)
def test_with_nothing_to_say_it_is_nobodys_business_who_is_there(place: Place, kind: str) -> None:
    FOREIGN[kind](place.path)
    before = identity(place.path)
    assert place.apply() == Evidence()
    assert identity(place.path) == before
    assert not place.file.problem


def test_it_is_tried_again_with_every_pass_and_the_problem_ends(place: Place) -> None:
    _mine(place.path)
    place.apply(DENY)
    assert place.file.problem
    place.path.unlink()
    evidence = place.apply(DENY, look=False)
    assert not place.file.problem
    assert evidence.proofs
    assert place.lines() == DENIAL


@pytest.mark.parametrize("error", [EROFS, ENOSPC])
def test_a_disk_that_takes_nothing(place: Place, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(kmodd.daemon.modprobe_file, "write_atomically", refuse)
    evidence = place.apply(DENY)
    assert not evidence.proofs, "so that a denied module is unverifiable"
    assert os.strerror(error) in evidence.problem
    assert place.file.problem == evidence.problem


@pytest.mark.shows("fault: full disk")
def test_a_full_disk_leaves_the_old_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.apply(DENY)
    monkeypatch.setattr(os, "fsync", _full)
    place.apply(with_text("x"))
    assert place.lines() == DENIAL
    assert os.listdir(place.path.parent) == [place.path.name]


def _full(_: int) -> None:
    raise OSError(ENOSPC, os.strerror(ENOSPC))


def test_the_setting_moves_it_and_takes_the_old_one_away(place: Place) -> None:
    place.apply(DENY)
    old, place.path = place.path, place.path.with_name("50-kmodd.conf")
    place.start()
    place.apply(DENY)
    assert not old.exists()
    assert place.lines() == DENIAL


@pytest.mark.parametrize("kind", FOREIGN)
def test_an_old_place_where_something_else_is_now_is_left_alone(place: Place, kind: str) -> None:
    place.apply(DENY)
    old, place.path = place.path, place.path.with_name("zz-kmodd.conf")
    old.unlink()
    FOREIGN[kind](old)
    before = identity(old)
    place.apply(DENY)
    assert identity(old) == before
    assert place.lines() == DENIAL
    assert not place.file.problem


def test_an_old_place_that_is_gone_is_no_trouble(place: Place) -> None:
    place.apply(DENY)
    place.path.unlink()
    place.path = place.path.with_name("zz-kmodd.conf")
    place.apply(DENY)
    assert place.lines() == DENIAL


def test_a_directory_that_is_not_there_is_made(place: Place) -> None:
    place.path.parent.rmdir()
    place.apply(DENY)
    assert place.lines() == DENIAL


@pytest.mark.shows("security 5")
def test_what_libkmod_would_read_otherwise_is_left_out_and_said(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(place.loader, "_options", lambda: {CARD: "text=mangled"})
    evidence = place.apply(DENY, with_text("x"))
    assert place.lines() == DENIAL
    assert evidence.proofs.keys() == {DRIVER}
    assert "card do not survive modprobe.d" in caplog.text


@pytest.mark.parametrize("kind", [ErrorKind.LOADER_LOST, ErrorKind.NO_LIBKMOD])
def test_without_a_loader_nothing_is_proved(place: Place, kind: Kind) -> None:
    place.loader.refusals = [KmoddError(kind, "it has ended")]
    evidence = place.apply(DENY)
    assert place.lines() == DENIAL
    assert evidence.problem == "it cannot be proved: it has ended"
    assert not evidence.proofs
    assert place.apply(DENY).proofs


def test_a_way_that_others_keep_open_is_told(place: Place) -> None:
    place.loader.open_ways[DRIVER] = ("driver", "pci:v1*")
    assert place.apply(DENY).proofs[DRIVER].open_ways == ("driver", "pci:v1*")
