"""From files to a catalog, in one process: merging, and how last good versions live on."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.config import compile as compiling
from kmodd.config import layers, store
from kmodd.config.catalog import read_catalog
from kmodd.config.compile import compile_catalog
from kmodd.config.gather import Gathered, gather
from kmodd.config.last_good import LastGood, read_last_good
from kmodd.config.layers import Scan
from kmodd.config.paths import ConfigPaths
from kmodd.model import Catalog, Settings
from kmodd.shown import Location, Source
from tests.support.config_tree import config_paths, drop
from tests.support.properties import unhurried


@pytest.fixture
def paths(tmp_path: Path) -> ConfigPaths:
    return config_paths(tmp_path)


def _parameters(catalog: Catalog) -> dict[str, dict[str, str]]:
    return {
        str(declaration.name): {parameter.name: parameter.value for parameter in declaration.parameters}
        for declaration in catalog.declarations
    }


def _codes(catalog: Catalog) -> list[str]:
    return [issue.code for issue in catalog.issues]


_LAYERS = st.dictionaries(
    st.tuples(st.integers(0, 3), st.sampled_from(["10.toml", "20.toml", "30.toml"])),
    st.one_of(
        st.none(),
        st.dictionaries(
            st.sampled_from(["loop", "nvme"]),
            st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(0, 99), max_size=3),
            min_size=1,
            max_size=2,
        ),
    ),
    max_size=8,
)


def _expected(layered: dict[tuple[int, str], dict[str, dict[str, int]] | None]) -> dict[str, dict[str, str]]:
    """The rules of kmodd.d(5) in their plainest form."""
    merged: dict[str, dict[str, str]] = {}
    for name in sorted({name for _, name in layered}):
        highest = min(rank for rank, other in layered if other == name)
        for module, parameters in (layered[highest, name] or {}).items():
            merged.setdefault(module, {}).update({key: str(value) for key, value in parameters.items()})
    return merged


@unhurried
@given(_LAYERS, st.booleans(), st.randoms(use_true_random=False))
def test_higher_directories_hide_masks_win_and_parameters_merge_in_whatever_order_they_are_found(
    layered: dict[tuple[int, str], dict[str, dict[str, int]] | None], by_link: bool, random: Random
) -> None:
    with TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patch:
        paths = config_paths(Path(root))
        names = layers._names
        patch.setattr(layers, "_names", lambda fd: random.sample(found := sorted(names(fd)), len(found)))
        for (rank, name), modules in random.sample(sorted(layered.items(), key=repr), len(layered)):
            _lay(paths.directories[rank], name, modules, by_link=by_link)
        catalog = compile_catalog(paths)
    assert catalog.issues == ()
    assert _parameters(catalog) == _expected(layered)


def _lay(directory: Path, name: str, modules: dict[str, dict[str, int]] | None, *, by_link: bool) -> None:
    if modules is None and by_link:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        (directory / name).symlink_to("/dev/null")
    else:
        tables = [
            "\n".join(
                [f"[module.{module}.parameters]", *(f"{key} = {value}" for key, value in values.items())]
            )
            for module, values in (modules or {}).items()
        ]
        drop(directory, name, "\n".join(tables))


def test_every_value_knows_its_place(paths: ConfigPaths) -> None:
    one = drop(
        paths.directories[0], "10.toml", '[module.loop]\nreason = "x"\nparameters = { a = 1, b = 1 }\n'
    )
    two = drop(paths.directories[1], "20.toml", "\n[module.loop.parameters]\nb = 2\n")
    (declaration,) = compile_catalog(paths).declarations
    assert {source.key: (source.value, source.location) for source in declaration.sources} == {
        "parameters.a": ("1", Location(str(one), 3, 16)),
        "parameters.b": ("2", Location(str(two), 3, 1)),
        "reason": ('"x"', Location(str(one), 2, 1)),
        "state": ('"loaded"', Location(str(two), 2, 9)),
    }


def test_what_was_replaced_is_remembered_oldest_first(paths: ConfigPaths) -> None:
    one = drop(paths.directories[3], "10.toml", '[module.loop]\nstate = "auto"\nparameters.a = 1\n')
    two = drop(paths.directories[0], "20.toml", "[module.loop]\nparameters.a = 2\n")
    drop(paths.directories[0], "30.toml", '[module.loop]\nstate = "denied"\nparameters.a = 2\n')
    drop(paths.directories[1], "30.toml", '[module.loop]\nreason = "hidden"\n')
    catalog = compile_catalog(paths)
    (declaration,) = catalog.declarations
    assert declaration.replaced == (
        Source("parameters.a", "1", Location(str(one), 3, 12)),
        Source("parameters.a", "2", Location(str(two), 2, 12)),
        Source("state", '"auto"', Location(str(one), 2, 1)),
    )
    assert read_catalog(paths.catalog) == catalog


def test_what_is_left_is_what_was_compiled(paths: ConfigPaths) -> None:
    drop(paths.directories[0], "10.toml", "[module.loop]\n")
    catalog = compile_catalog(paths)
    assert read_catalog(paths.catalog) == catalog
    assert list(read_last_good(paths.last_good).files) == ["10.toml"]


@pytest.mark.shows("P7")
def test_a_broken_file_changes_nothing_until_it_is_mended(paths: ConfigPaths) -> None:
    etc = paths.directories[0]
    drop(etc, "10.toml", "[module.loop]\nparameters.a = 1\n")
    drop(etc, "20.toml", "[module.nvme]\n")
    good = compile_catalog(paths).declarations
    drop(etc, "10.toml", "[module.loop]\nparameters.a = \n")
    for _ in range(2):
        broken = compile_catalog(paths)
        assert broken.declarations == good
        assert _codes(broken) == ["syntax", "last-good-used"]
        # A reboot takes /run, never /var.
        shutil.rmtree(paths.runtime_dir)
    drop(etc, "10.toml", "[module.loop]\nparameters.a = 2\n")
    mended = compile_catalog(paths)
    assert mended.issues == ()
    assert _parameters(mended)["loop"] == {"a": "2"}


def test_a_broken_file_that_goes_takes_its_last_good_version_along(paths: ConfigPaths) -> None:
    file = drop(paths.directories[0], "10.toml", "[module.loop]\n")
    compile_catalog(paths)
    file.write_text("[")
    compile_catalog(paths)
    file.unlink()
    assert compile_catalog(paths).declarations == ()
    assert read_last_good(paths.last_good).files == {}
    drop(paths.directories[0], "10.toml", "[")
    assert _codes(compile_catalog(paths)) == ["syntax", "left-out"]


def test_a_last_good_version_that_fits_no_more_is_kept_for_later(paths: ConfigPaths) -> None:
    etc = paths.directories[0]
    drop(etc, "10.toml", '[module.a]\nrequires = ["b"]\n')
    compile_catalog(paths)
    drop(etc, "10.toml", "[")
    drop(etc, "00.toml", '[module.b]\nstate = "denied"\n')
    catalog = compile_catalog(paths)
    # The newcomer contradicts what is in force, so it is the one that waits.
    assert [declaration.name for declaration in catalog.declarations] == ["a"]
    assert _codes(catalog) == ["syntax", "denied-but-required", "left-out", "last-good-used"]


def test_settings_keep_their_last_good_version_too(paths: ConfigPaths) -> None:
    drop(paths.settings.parent, paths.settings.name, "enforce = false\n")
    assert compile_catalog(paths).settings == Settings(enforce=False)
    drop(paths.settings.parent, paths.settings.name, "enforce = maybe\n")
    assert compile_catalog(paths).settings == Settings(enforce=False)
    paths.settings.unlink()
    assert compile_catalog(paths).settings == Settings()
    drop(paths.settings.parent, paths.settings.name, "enforce = maybe\n")
    assert compile_catalog(paths).settings == Settings()


def _unlistable(directory: Path) -> None:
    directory.chmod(0o777)


def _replaced_by_a_file(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.write_text("")


@pytest.mark.parametrize("spoil", [_unlistable, _replaced_by_a_file])
def test_a_directory_that_cannot_be_believed_stays_in_force(
    paths: ConfigPaths, spoil: Callable[[Path], None]
) -> None:
    etc, run, _, vendor = paths.directories
    drop(run, "10.toml", "[module.loop]\n")
    drop(run, "20.toml", "[module.masked]\n")
    drop(vendor, "10.toml", "[module.hidden]\n")
    drop(vendor, "30.toml", "[module.vendor]\n")
    compile_catalog(paths)
    drop(etc, "20.toml", "")
    spoil(run)
    assert [declaration.name for declaration in compile_catalog(paths).declarations] == ["loop", "vendor"]


def test_damaged_last_good_versions_are_as_if_absent(paths: ConfigPaths) -> None:
    file = drop(paths.directories[0], "10.toml", "[module.loop]\n")
    compile_catalog(paths)
    text = paths.last_good.read_bytes()
    paths.last_good.write_bytes(text[:-9])
    file.write_text("[")
    catalog = compile_catalog(paths)
    assert catalog.declarations == ()
    assert _codes(catalog) == ["syntax", "left-out", "last-good-damaged"]


@pytest.mark.parametrize(
    "value", [[], {}, {"files": [{}], "settings": None}, {"files": [{"file": 1, "text": ""}]}]
)
def test_last_good_versions_of_another_shape_are_as_if_absent(paths: ConfigPaths, value: object) -> None:
    paths.state_dir.mkdir(parents=True)
    store.write(paths.last_good, "kmodd-last-good-1", value, durable=False)
    assert _codes(compile_catalog(paths)) == ["last-good-damaged"]


def test_last_good_versions_are_written_only_when_they_change(paths: ConfigPaths) -> None:
    drop(paths.directories[0], "10.toml", "[module.loop]\n")
    compile_catalog(paths)
    before = paths.last_good.stat()
    compile_catalog(paths)
    assert paths.last_good.stat().st_ino == before.st_ino


def test_last_good_versions_are_written_before_the_catalog(
    paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(paths.directories[0], "10.toml", "[module.loop]\n")

    def crash(path: Path, catalog: Catalog) -> None:
        raise KeyboardInterrupt(path, catalog)

    monkeypatch.setattr(compiling, "write_catalog", crash)
    with pytest.raises(KeyboardInterrupt):
        compile_catalog(paths)
    assert list(read_last_good(paths.last_good).files) == ["10.toml"]


@pytest.mark.shows("fault: too much")
def test_all_files_together_have_a_limit(paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(paths.directories[0], "10.toml", "[module.a]\n")
    drop(paths.directories[0], "20.toml", "[module.b]\n")
    monkeypatch.setattr("kmodd.config.gather.MAX_TOTAL_BYTES", 15)
    catalog = compile_catalog(paths)
    assert [declaration.name for declaration in catalog.declarations] == ["a"]
    assert _codes(catalog) == ["too-large", "left-out"]


@pytest.mark.shows("fault: bad file")
def test_a_file_that_changes_meanwhile_is_compiled_again(
    paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = drop(paths.directories[0], "10.toml", "[module.a]\n")

    def change_and_gather(found: Scan, last_good: LastGood, owners: frozenset[int]) -> Gathered:
        file.write_text("[module.b]\n")
        return gather(found, last_good, owners)

    monkeypatch.setattr(compiling, "gather", change_and_gather)
    catalog = compile_catalog(paths)
    assert [declaration.name for declaration in catalog.declarations] == ["b"]


@pytest.mark.shows("fault: bad file")
def test_files_that_never_hold_still_leave_no_current_catalog(
    paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = drop(paths.directories[0], "10.toml", "[module.a]\n")

    def gather_and_change(found: Scan, last_good: LastGood, owners: frozenset[int]) -> Gathered:
        file.write_text(file.read_text() + "#")
        return gather(found, last_good, owners)

    monkeypatch.setattr(compiling, "gather", gather_and_change)
    assert compile_catalog(paths).key == ""


def test_a_file_of_this_very_clock_tick_leaves_no_current_catalog(
    paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed_ns = drop(paths.directories[0], "10.toml", "[module.a]\n").stat().st_ctime_ns
    monkeypatch.setattr("time.time_ns", lambda: changed_ns + 1)
    assert compile_catalog(paths).key == ""
    monkeypatch.setattr("time.time_ns", lambda: changed_ns + 10**9)
    assert compile_catalog(paths).key == layers.scan(paths).key


@pytest.mark.shows("fault: bad file")
def test_a_file_that_vanishes_meanwhile_is_no_exception(
    paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(paths.directories[0], "10.toml", "[module.a]\n")
    found = layers.scan(paths)
    os.unlink(paths.directories[0] / "10.toml")
    monkeypatch.setattr(compiling, "scan", lambda _: found)
    assert _codes(compile_catalog(paths)) == ["unreadable", "left-out"]
