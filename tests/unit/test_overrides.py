"""Overrides on a simulated kernel, with real files and the real compiler; who dies and who is refused."""

import asyncio
import errno
from pathlib import Path

import pytest

from kmodd.daemon.override_files import OverrideFiles
from kmodd.errors import ErrorKind, KmoddError
from kmodd.names import ModuleName
from kmodd.shown import Condition, DaemonState
from tests.support.config_tree import config_paths, drop
from tests.support.daemon import CONFIG, SimulatedDaemon, play

BASE, DUMMY, UPPER = map(ModuleName, ("base", "dummy", "upper"))
FILE = "zz-override-dummy.toml"


def reading(daemon: SimulatedDaemon, **files: str) -> Path:
    """Have the compiler read files of /etc/kmodd.d, these to begin with; the directory of overrides."""
    daemon.reads_files = True
    for name, text in files.items():
        drop(daemon.files.directories[0], f"{name}.toml", text)
    return daemon.files.overrides_dir


async def refused(daemon: SimulatedDaemon, name: ModuleName, **values: object) -> KmoddError:
    """The error that SetOverride ends with."""
    with pytest.raises(KmoddError) as caught:
        await daemon.facade.set_override(name, values)
    return caught.value


def test_an_override_has_the_last_word_until_it_is_cleared(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        directory = reading(daemon, zx="[module.dummy]\nparameters.level = 2\n")
        await daemon.second()
        assert daemon.kernel.value("dummy", "level") == "2"
        await daemon.facade.set_override(DUMMY, {"parameters": {"level": 7}})
        await daemon.second()
        assert daemon.kernel.value("dummy", "level") == "7"
        (source,) = [s for s in daemon.facade.explain(DUMMY) if s.key == "parameters.level"]
        assert (source.value, source.location.file) == ("7", str(directory / FILE))
        await daemon.facade.clear_override(DUMMY)
        await daemon.second()
        assert daemon.kernel.value("dummy", "level") == "2"
        assert list(directory.iterdir()) == []

    play(tmp_path, scenario)


def test_an_override_declares_a_module_that_no_file_names(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        reading(daemon)
        await daemon.facade.set_override(DUMMY, {})
        await daemon.second()
        assert daemon.status("dummy").condition is Condition.IN_SYNC
        await daemon.facade.set_override(DUMMY, {"state": "unloaded", "reason": "not now"})
        await daemon.second()
        assert not daemon.kernel.present()
        assert daemon.status("dummy").reason == "not now"

    play(tmp_path, scenario)


@pytest.mark.shows("security 3")
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"stat": "loaded"}, "did you mean"),
        ({"parameters": {"level": 1 << 64}}, "64 bits"),
        ({"parameters.level": 1}, "unknown key"),
        ({"requires": ["-f"]}, "not a module name"),
        ({"when": {"path_exists": "relative"}}, "absolute path"),
    ],
)
@pytest.mark.parametrize("before", [None, {"parameters": {"level": 4}}])
def test_what_the_language_refuses_is_refused_with_its_message_and_all_is_as_before(
    tmp_path: Path, values: dict[str, object], said: str, before: dict[str, object] | None
) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        directory = reading(daemon)
        if before is not None:
            await daemon.facade.set_override(DUMMY, before)
        await daemon.look(CONFIG)
        files, performed = daemon.override_files.kept(), list(daemon.loader.journal)
        error = await refused(daemon, DUMMY, **values)
        assert error.kind is ErrorKind.INVALID_CONFIG
        assert said in error.message
        await daemon.second()
        assert daemon.override_files.kept() == files
        assert (directory / FILE).exists() is (before is not None)
        assert daemon.loader.journal == performed
        assert daemon.state() is DaemonState.CONVERGED

    play(tmp_path, scenario)


def test_a_contradiction_with_a_file_is_refused_and_the_file_stays_in_force(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        reading(daemon, a='[module.upper]\nrequires = ["base"]\n')
        await daemon.second()
        error = await refused(daemon, BASE, state="denied")
        assert error.kind is ErrorKind.INVALID_CONFIG
        assert "base" in error.message
        await daemon.second()
        assert daemon.kernel.present() == {"base", "upper"}
        assert daemon.state() is DaemonState.CONVERGED

    play(tmp_path, scenario)


def test_a_file_of_the_administrator_in_its_place_is_said_instead_of_an_override_without_effect(
    tmp_path: Path,
) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        directory = reading(daemon)
        (daemon.files.directories[0] / FILE).symlink_to("/dev/null")
        error = await refused(daemon, DUMMY)
        assert error.kind is ErrorKind.INVALID_CONFIG
        assert f"{daemon.files.directories[0] / FILE} hides" in error.message
        assert not directory.exists()

    play(tmp_path, scenario)


def test_clearing_what_is_not_there(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        with pytest.raises(KmoddError) as caught:
            await daemon.facade.clear_override(DUMMY)
        assert caught.value.kind is ErrorKind.NOT_FOUND

    play(tmp_path, scenario)


def test_two_callers_at_once_come_one_after_the_other(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        reading(daemon)
        answers = await asyncio.gather(
            daemon.facade.set_override(DUMMY, {"parameters": {"level": 1}}),
            daemon.facade.set_override(DUMMY, {"parameters": {"level": "x", "y": []}}),
            daemon.facade.set_override(DUMMY, {"parameters": {"level": 3}}),
            daemon.facade.set_override(DUMMY, {"state": 3}),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [type(None), KmoddError, type(None), KmoddError]
        await daemon.second()
        assert daemon.kernel.value("dummy", "level") == "3"

    play(tmp_path, scenario)


def test_a_caller_who_goes_away_leaves_nothing_half_done(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        directory = reading(daemon)
        call = asyncio.ensure_future(daemon.facade.set_override(DUMMY, {"stat": 1}))
        await daemon.until((directory / FILE).exists, 1.0)
        call.cancel()
        await daemon.second()
        assert list(directory.iterdir()) == []
        assert daemon.state() is DaemonState.CONVERGED

    play(tmp_path, scenario)


@pytest.fixture
def files(tmp_path: Path) -> OverrideFiles:
    """Overrides without a daemon."""
    paths = config_paths(tmp_path)
    paths.runtime_dir.mkdir(parents=True)
    return OverrideFiles(paths)


def put(files: OverrideFiles, name: ModuleName, text: str) -> None:
    """An override that was judged and found good."""
    files.put(name, text)
    files.keep()


@pytest.mark.parametrize("before", [{}, {DUMMY: "[module.dummy]\n"}])
def test_who_died_before_the_answer_has_changed_nothing(
    files: OverrideFiles, before: dict[ModuleName, str]
) -> None:
    """The daemon ends while the compiler looks at the file; the next one puts back what was there."""
    for name, text in before.items():
        put(files, name, text)
    files.put(DUMMY, "[module.dummy]\nstat = 1\n")
    assert files.kept()[DUMMY] == "[module.dummy]\nstat = 1\n"
    for _ in range(2):
        files.recover()
        assert files.kept() == before


@pytest.mark.parametrize(
    "damage", [b"", b"{", b'["../../x", "y"]', b"[1, 2]", b'{"a": 1}', b'["dummy"]', b"3"]
)
def test_a_damaged_journal_is_as_none(tmp_path: Path, files: OverrideFiles, damage: bytes) -> None:
    put(files, DUMMY, "[module.dummy]\n")
    journal = tmp_path / "run/kmodd/override.json"
    journal.write_bytes(damage)
    files.recover()
    assert files.kept() == {DUMMY: "[module.dummy]\n"}
    assert not journal.exists()


def test_restoring_has_those_and_no_others_and_touches_nothing_of_others(
    tmp_path: Path, files: OverrideFiles
) -> None:
    put(files, DUMMY, "[module.dummy]\n")
    kept = files.kept()
    directory = tmp_path / "run/kmodd.d"
    drop(directory, "50-mine.toml", "[module.other]\n")
    put(files, BASE, "[module.base]\n")
    put(files, DUMMY, "[module.dummy]\nreason = 'x'\n")
    files.restore(kept)
    assert files.kept() == kept
    assert (directory / "50-mine.toml").exists()
    files.restore({})
    assert [path.name for path in directory.iterdir()] == ["50-mine.toml"]


@pytest.mark.shows("fault: full disk")
def test_a_full_file_system_is_told_and_nothing_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def scenario(daemon: SimulatedDaemon) -> None:
        reading(daemon)
        monkeypatch.setattr("kmodd.daemon.override_files.write_atomically", full)
        error = await refused(daemon, DUMMY)
        assert error.kind is ErrorKind.STATE_NOT_WRITABLE
        assert "No space left" in error.message
        assert daemon.override_files.kept() == {}

    play(tmp_path, scenario)


@pytest.mark.shows("security 3")
def test_the_name_of_the_file_comes_of_the_canonical_name_alone(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        directory = reading(daemon)
        await daemon.facade.set_override(ModuleName("a" * 55), {})
        (path,) = directory.iterdir()
        assert path.name == f"zz-override-{'a' * 55}.toml"
        assert path.stat().st_mode & 0o777 == 0o644

    play(tmp_path, scenario)
