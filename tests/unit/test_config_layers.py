"""Which files count: precedence, hiding, masks, and a key that tells every change that matters."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kmodd.config import layers
from kmodd.config.layers import scan
from kmodd.config.look import Standing
from kmodd.config.paths import ConfigPaths
from tests.support.config_tree import config_paths, drop


@pytest.fixture
def paths(tmp_path: Path) -> ConfigPaths:
    return config_paths(tmp_path)


def _visible(paths: ConfigPaths) -> list[str]:
    return [str(file.path) for file in scan(paths).visible]


def test_the_real_places_are_the_documented_ones() -> None:
    assert [str(path) for path in ConfigPaths().directories] == [
        "/etc/kmodd.d",
        "/run/kmodd.d",
        "/usr/local/lib/kmodd.d",
        "/usr/lib/kmodd.d",
    ]
    assert str(ConfigPaths().trial_dir) == "/run/kmodd.d/trial"
    assert ConfigPaths().layers == (ConfigPaths().trial_dir, *ConfigPaths().directories)
    assert str(ConfigPaths().settings) == "/etc/kmodd/kmodd.toml"
    assert str(ConfigPaths().catalog) == "/run/kmodd/catalog.json"
    assert str(ConfigPaths().last_good) == "/var/lib/kmodd/last-good.json"


def test_missing_directories_are_no_error(paths: ConfigPaths) -> None:
    found = scan(paths)
    assert found.files == ()
    assert found.refused == ()
    assert found.settings is None


def test_files_come_in_order_of_name_across_directories(paths: ConfigPaths) -> None:
    etc, run, local, vendor = paths.directories
    expected = [drop(vendor, "10.toml", "#"), drop(etc, "20.toml", "#"), drop(local, "30.toml", "#")]
    expected.append(drop(run, "40.toml", "#"))
    assert _visible(paths) == [str(path) for path in expected]


def test_a_higher_directory_hides_and_the_hidden_file_is_told(paths: ConfigPaths) -> None:
    etc, _, _, vendor = paths.directories
    ours, theirs = drop(etc, "10.toml", "#"), drop(vendor, "10.toml", "#")
    standings = {file.path: file.standing for file in scan(paths).files}
    assert standings == {ours: Standing.VISIBLE, theirs: Standing.HIDDEN}


@pytest.mark.parametrize("target", ["/dev/null", "", "../../dev/null"])
def test_masks(paths: ConfigPaths, target: str) -> None:
    etc, run, _, vendor = paths.directories
    drop(vendor, "10.toml", "#")
    drop(run, "10.toml", "#")
    if target.startswith(".."):
        etc.joinpath("10.toml").symlink_to(os.path.relpath("/dev/null", etc))
    elif target:
        etc.joinpath("10.toml").symlink_to(target)
    else:
        drop(etc, "10.toml", "")
    assert _visible(paths) == []
    assert [file.standing for file in scan(paths).files] == [Standing.MASK, Standing.HIDDEN, Standing.HIDDEN]


@pytest.mark.parametrize("name", ["10.toml.example", "10.conf", ".10.toml", ".#10.toml", "toml", "10.toml~"])
def test_other_names_are_not_ours(paths: ConfigPaths, name: str) -> None:
    (paths.directories[0] / name).write_text("#")
    assert scan(paths).files == ()


def test_the_order_of_listing_does_not_matter(paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("30.toml", "10.toml", "20.toml"):
        drop(paths.directories[0], name, "#")
    straight = scan(paths)
    names = layers._names
    monkeypatch.setattr(layers, "_names", lambda fd: sorted(names(fd), reverse=True))
    assert scan(paths) == straight
    assert scan(paths).key == straight.key


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def _replace(path: Path) -> None:
    drop(path.parent, path.name, path.read_text())


def _relink(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere.toml")
    path.symlink_to("../elsewhere.toml")


@pytest.mark.parametrize(
    "change",
    [
        _touch,
        _replace,
        _relink,
        Path.unlink,
        lambda path: path.write_text("# other"),
        lambda path: path.write_text(""),
        lambda path: path.chmod(0o600),
        lambda path: path.chmod(0o666),
        lambda path: path.rename(path.with_name("11.toml")),
        lambda path: path.parent.chmod(0o777),
        lambda path: drop(path.parent, "05.toml", "#"),
        lambda path: drop(path.parents[1] / "kmodd", "kmodd.toml", "enforce = false"),
    ],
)
def test_the_key_tells_every_change(paths: ConfigPaths, change: Callable[[Path], object]) -> None:
    file = drop(paths.directories[0], "10.toml", "#")
    before = scan(paths).key
    assert scan(paths).key == before
    change(file)
    assert scan(paths).key != before


def test_the_key_tells_an_upgrade(paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    before = scan(paths).key
    monkeypatch.setattr(layers, "__version__", "999")
    assert scan(paths).key != before


def test_the_key_ignores_what_does_not_count(paths: ConfigPaths) -> None:
    etc, _, _, vendor = paths.directories
    drop(etc, "10.toml", "#")
    drop(vendor, "10.toml", "#")
    before = scan(paths).key
    drop(vendor, "10.toml", "# hidden, and changed")
    drop(etc, "README", "nothing")
    assert scan(paths).key == before


def test_a_file_can_vanish_while_it_is_looked_at(paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_names", lambda _: ["gone.toml"])
    assert scan(paths).files == ()


def test_a_name_that_is_not_utf8_is_refused_and_the_key_still_works(paths: ConfigPaths) -> None:
    path = os.fsencode(paths.directories[0]) + b"/\xff.toml"
    with open(path, "wb") as file:
        file.write(b"#")
    os.chmod(path, 0o644)
    (found,) = scan(paths).visible
    assert found.problem is not None
    assert found.problem.code == "bad-file-name"
    assert scan(paths).key


@pytest.mark.shows("security 6")
def test_links_above_the_directory_are_followed_only_where_safe(paths: ConfigPaths, tmp_path: Path) -> None:
    drop(tmp_path / "persistent", "10.toml", "#")
    paths.directories[0].rmdir()
    paths.directories[0].symlink_to(tmp_path / "persistent")
    assert len(scan(paths).visible) == 1
    (tmp_path / "persistent").chmod(0o777)
    assert scan(paths).visible == ()
    assert [entry.problem.code for entry in scan(paths).refused] == ["unsafe-mode"]
