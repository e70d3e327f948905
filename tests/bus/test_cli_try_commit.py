"""kmoddctl try from its commit on: a bus that breaks, an answer that is lost, a kill between two files."""

import signal
from pathlib import Path

import pytest

from kmodd.errors import ErrorKind, KmoddError
from tests.bus.cli_tool import finish, start
from tests.bus.private_bus import PrivateBus
from tests.bus.real_daemon import RealDaemon, play_on_bus
from tests.bus.test_cli_try import LOOSE, begun, files_in, is_as_before, written


@pytest.mark.parametrize("is_committed", [True, False])
def test_a_bus_that_breaks_in_the_place_of_the_answer(
    bus: PrivateBus, tmp_path: Path, is_committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        before = await begun(daemon)
        commit = daemon.checkpoints.commit

        async def breaks(name: str) -> None:
            if is_committed:
                await commit(name)
            bus.kill()

        monkeypatch.setattr(daemon.checkpoints, "commit", breaks)
        printed = await daemon.ctl("try", "--yes", written(tmp_path / "20.toml"))
        if is_committed:
            assert printed.status == 0
            assert printed.err.startswith("kmoddctl: the bus closed the connection, but it was committed")
            assert files_in(daemon) == {**before, "20.toml": LOOSE}
            return
        # Nobody can know whether kmodd reads of it later: it is kmodd that takes it back then, or does not.
        assert printed.status == 13
        assert "and nobody can be asked whether the files are kept" in printed.err
        assert [path.name for path in daemon.files.trial_dir.iterdir()] == ["20.toml"]
        assert {path.name for path in daemon.etc.iterdir()} == before.keys()

    play_on_bus(bus, tmp_path, scenario)


@pytest.mark.parametrize("is_in_time", [True, False])
def test_an_answer_that_is_lost_is_asked_for_again(
    bus: PrivateBus, tmp_path: Path, is_in_time: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        before = await begun(daemon)
        commit, asked = daemon.checkpoints.commit, 0

        async def lost(name: str) -> None:
            nonlocal asked
            asked += 1
            if asked == 1:
                await (commit if is_in_time else daemon.checkpoints.roll_back)(name)
                raise KmoddError(ErrorKind.FAILED, "the answer is lost")
            await commit(name)

        monkeypatch.setattr(daemon.checkpoints, "commit", lost)
        printed = await daemon.ctl("try", "--yes", written(tmp_path / "20.toml"))
        assert asked == 2
        if is_in_time:
            said = "kmoddctl: the answer is lost, but it was committed before: the files are kept\n"
            assert (printed.status, printed.err) == (0, said)
            assert files_in(daemon) == {**before, "20.toml": LOOSE}
        else:
            assert (printed.status, printed.err) == (3, "")
            await is_as_before(daemon)

    play_on_bus(bus, tmp_path, scenario)


def test_a_tool_that_is_killed_between_two_files_leaves_all_in_force_and_that_is_said(
    bus: PrivateBus, tmp_path: Path
) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await begun(daemon)
        files = (written(tmp_path / "20.toml"), written(tmp_path / "30.toml", "[module.other]\n"))
        # os.replace() is what the tool puts each file in its place with.
        killed = "import os, signal; put = os.replace; os.replace = lambda a, b: (put(a, b), kill(a))[0]\n"
        killed += "def kill(a): '/etc/' in str(a) and os.kill(os.getpid(), signal.SIGKILL)\n"
        tool = await start(bus, "try", "--yes", *files, root=daemon.root, first=killed)
        assert (await finish(tool)).status == -signal.SIGKILL
        await daemon.ctl("reload")
        assert daemon.kernel.value("dummy", "level") == "2"
        assert "other" in daemon.kernel.present()
        printed = await daemon.ctl("try", "--yes", files[0])
        assert printed.status == 7
        assert f"before its files were in {daemon.etc}: 20.toml, 30.toml (move them there" in printed.err
        assert (await daemon.ctl("status")).status == 0

    play_on_bus(bus, tmp_path, scenario)
