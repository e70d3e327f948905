"""Opening files that others may have a hand in: real links, FIFOs, modes and owners."""

import os
from pathlib import Path

import pytest

from kmodd.config.issues import Code, Refused
from kmodd.config.safefile import open_directory, read_any_file, read_file, trusted_owners

_OWNERS = trusted_owners()


def _refusal(path: Path, owners: frozenset[int] = _OWNERS, limit: int = 100) -> Code:
    with pytest.raises(Refused) as refused:
        read_file(path, owners, limit)
    return refused.value.code


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "etc" / "a.toml"
    path.parent.mkdir(mode=0o755)
    path.write_bytes(b"content")
    path.chmod(0o644)
    return path


def test_a_plain_file_is_read(file: Path) -> None:
    assert read_file(file, _OWNERS, 7) == b"content"


def test_a_link_is_followed_wherever_it_leads_safely(file: Path, tmp_path: Path) -> None:
    for number, target in enumerate((str(file), "../etc/./a.toml", f"{'../' * 30}{file}")):
        link = tmp_path / "etc" / f"link{number}"
        link.symlink_to(target)
        assert read_file(link, _OWNERS, 100) == b"content"


def test_directories_on_the_way_may_be_links(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to("etc")
    assert read_file(tmp_path / "elsewhere" / "a.toml", _OWNERS, 100) == b"content"
    with open_directory(tmp_path / "elsewhere", _OWNERS) as fd:
        assert os.listdir(fd) == ["a.toml"]


@pytest.mark.shows("security 6")
@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_write_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert _refusal(file) is Code.UNSAFE_MODE


@pytest.mark.shows("security 6")
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
def test_a_directory_that_others_write_is_refused(file: Path, mode: int) -> None:
    file.parent.chmod(mode)
    assert _refusal(file) is Code.UNSAFE_MODE


def test_the_sticky_bit_protects_what_lies_in_it_and_no_listing(file: Path) -> None:
    file.parent.chmod(0o1777)
    assert read_file(file, _OWNERS, 100) == b"content"
    with pytest.raises(Refused), open_directory(file.parent, _OWNERS):
        pass


@pytest.mark.shows("security 6")
def test_a_safe_link_to_an_unsafe_place_is_refused(file: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "b.toml").write_bytes(b"theirs")
    shared.chmod(0o777)
    file.unlink()
    file.symlink_to("../shared/b.toml")
    assert _refusal(file) is Code.UNSAFE_MODE


@pytest.mark.shows("security 6")
def test_files_of_others_are_refused(file: Path) -> None:
    assert _refusal(file, frozenset((54321,))) is Code.UNSAFE_OWNER


@pytest.mark.shows("security 6")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_links_and_directories_of_others_are_refused(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to("a.toml")
    os.lchown(link, 54321, -1)
    assert _refusal(link) is Code.UNSAFE_OWNER
    os.chown(file.parent, 54321, -1)
    assert _refusal(file) is Code.UNSAFE_OWNER


@pytest.mark.shows("fault: bad file", "security 6")
def test_what_is_no_file_is_refused_and_never_waited_for(file: Path) -> None:
    os.mkfifo(file.with_name("fifo"), 0o644)
    assert _refusal(file.with_name("fifo")) is Code.NOT_A_FILE
    assert _refusal(file.parent) is Code.NOT_A_FILE
    assert _refusal(Path("/dev/null")) in {Code.NOT_A_FILE, Code.UNSAFE_OWNER}
    assert _refusal(Path("/")) is Code.NOT_A_FILE


@pytest.mark.shows("fault: bad file")
def test_links_in_a_loop_end(file: Path) -> None:
    file.unlink()
    file.symlink_to("b.toml")
    file.with_name("b.toml").symlink_to("a.toml")
    assert _refusal(file) is Code.LINK_LOOP


@pytest.mark.shows("fault: bad file")
def test_size_is_limited(file: Path) -> None:
    assert _refusal(file, limit=6) is Code.TOO_LARGE


def test_what_grows_while_it_is_read_is_limited_too(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setattr("kmodd.config.safefile.check_file", lambda *_: None)
    assert _refusal(file, limit=6) is Code.TOO_LARGE


@pytest.mark.parametrize("name", ["missing.toml", "a.toml/b.toml", "missing/a.toml"])
def test_what_is_not_there_is_an_error_of_the_system(file: Path, name: str) -> None:
    with pytest.raises(OSError, match=r"No such file|Not a directory"):
        read_file(file.parent / name, _OWNERS, 100)


def test_a_file_is_no_directory(file: Path) -> None:
    with pytest.raises(Refused) as refused, open_directory(file, _OWNERS):
        pass
    assert refused.value.code is Code.NOT_A_DIRECTORY


def test_any_file_can_be_read_for_checking(file: Path) -> None:
    file.chmod(0o666)
    assert read_any_file(file, 7) == b"content"
    with pytest.raises(Refused):
        read_any_file(file, 6)
    os.mkfifo(file.with_name("fifo"))
    with pytest.raises(Refused):
        read_any_file(file.with_name("fifo"), 100)
