"""The parts of make deb: what is kept, what the source tree is, where Debian comes from."""

import subprocess
import threading
from pathlib import Path

import pytest
from deb import tree
from deb.cache import cached
from deb.chroot import build_dependencies
from deb.errors import DebError
from deb.mirror import mirror


def make_file(path: Path) -> None:
    path.write_text("made")


def fail_half_way(path: Path) -> None:
    path.mkdir()
    (path / "half").touch()
    raise DebError("no")


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    entry = cached(tmp_path, "a", make_file, keep=1)
    entry.write_text("kept")
    assert cached(tmp_path, "a", make_file, keep=1).read_text() == "kept"


def test_the_entries_used_last_stay(tmp_path: Path) -> None:
    for key in ("a", "b", "a", "c"):
        cached(tmp_path, key, make_file, keep=2)
    assert {path.name for path in tmp_path.iterdir() if path.name != ".lock"} == {"a", "c"}


def test_a_failed_maker_leaves_no_entry_and_the_next_one_starts_anew(tmp_path: Path) -> None:
    with pytest.raises(DebError):
        cached(tmp_path, "a", fail_half_way, keep=2)
    assert not (tmp_path / "a").exists()
    assert cached(tmp_path, "a", make_file, keep=2).read_text() == "made"
    assert {path.name for path in tmp_path.iterdir()} == {".lock", "a"}


def test_of_many_at_once_one_makes_and_all_get_it(tmp_path: Path) -> None:
    made: list[Path] = []
    got: list[str] = []
    together = threading.Barrier(4)

    def make(path: Path) -> None:
        made.append(path)
        make_file(path)

    def ask() -> None:
        together.wait()
        got.append(cached(tmp_path, "a", make, keep=1).name)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert got == ["a"] * 4


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository as small as can be, that says its version where kmodd does."""
    files = {
        "packaging/debian/changelog": "kmodd (0.1.0) unstable; urgency=medium\n\n  * (0.1.0)\n",
        "packaging/debian/rules": "#!/usr/bin/make -f\n",
        "pyproject.toml": '[project]\nversion = "0.1.0"\n',
        "kmodd/__init__.py": '__version__ = "0.1.0"\n',
        "tests/test_a.py": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "packaging/debian/rules").chmod(0o700)
    for command in (("init", "--quiet"), ("add", ".")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def test_the_tree_is_what_git_tracks_as_it_is_now(checkout: Path) -> None:
    (checkout / "untracked").touch()
    (checkout / "tests/test_a.py").unlink()
    assert set(tree.tracked(checkout)) == {
        "kmodd/__init__.py",
        "packaging/debian/changelog",
        "packaging/debian/rules",
        "pyproject.toml",
    }


def test_without_git_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(DebError, match="checkout of git"):
        tree.tracked(tmp_path)


def test_the_digest_follows_content_name_and_who_may_run_it(checkout: Path) -> None:
    def digest() -> str:
        return tree.digest(tree.tracked(checkout), ("word",))

    seen = {digest()}
    (checkout / "kmodd/__init__.py").write_text('__version__ = "0.2.0"\n')
    seen.add(digest())
    (checkout / "packaging/debian/rules").chmod(0o600)
    seen.add(digest())
    subprocess.run(["git", "mv", "tests/test_a.py", "tests/test_b.py"], cwd=checkout, check=True)
    seen.add(digest())
    seen.add(tree.digest(tree.tracked(checkout), ("another",)))
    assert len(seen) == 5
    (checkout / "packaging/debian/rules").chmod(0o644)
    assert digest() == digest()


def test_what_cannot_change_the_package_does_not_count(checkout: Path) -> None:
    before = tree.digest(tree.for_binary(tree.tracked(checkout)), ())
    (checkout / "tests/test_a.py").write_text("assert True\n")
    assert tree.digest(tree.for_binary(tree.tracked(checkout)), ()) == before


def test_debian_stands_on_top_and_all_say_the_same_version(checkout: Path, tmp_path: Path) -> None:
    tree.write(tree.tracked(checkout), tmp_path / "out", "0.2.0")
    changelog = (tmp_path / "out/debian/changelog").read_text()
    assert changelog == "kmodd (0.2.0) unstable; urgency=medium\n\n  * (0.1.0)\n"
    assert (tmp_path / "out/pyproject.toml").read_text() == '[project]\nversion = "0.2.0"\n'
    assert (tmp_path / "out/kmodd/__init__.py").read_text() == '__version__ = "0.2.0"\n'
    assert (tmp_path / "out/debian/rules").stat().st_mode & 0o777 == 0o755
    assert not (tmp_path / "out/packaging/debian").exists()


def test_build_dependencies_are_read_from_the_control_file(tmp_path: Path) -> None:
    control = tmp_path / "control"
    control.write_text("Source: a\nBuild-Depends: b (>= 1),\n               c <!nocheck>\nHomepage: d\n")
    assert build_dependencies(control) == ["b", "c"]


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of settings that the machine's apt obeys (apt.conf(5))."""
    path = tmp_path / "apt.conf"
    path.touch()
    monkeypatch.setenv("APT_CONFIG", str(path))
    return path


def test_debian_comes_from_where_this_machine_has_it_and_by_the_same_way(apt: Path) -> None:
    before = mirror()
    apt.write_text('Acquire::http::Proxy "http://[::1]:9/";\n')
    assert mirror().uri == before.uri
    assert set(mirror().options) - set(before.options) == {'Acquire::http::Proxy "http://[::1]:9/";'}


def test_a_machine_that_has_no_lists_is_told_how_to_get_them(apt: Path, tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    apt.write_text(f'Dir::State::Lists "{tmp_path}/lists";\n')
    with pytest.raises(DebError, match="apt-get update"):
        mirror()
