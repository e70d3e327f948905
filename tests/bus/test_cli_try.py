"""kmoddctl try: whatever ends it, files and kernel are as before unless it was kept."""

import asyncio
import json
import os
import pty
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from kmodd.names import ModuleName
from tests.bus.cli_tool import finish, start
from tests.bus.manager import FakeManager
from tests.bus.polkit import polkit
from tests.bus.private_bus import PrivateBus, serving
from tests.bus.real_daemon import RealDaemon, play_on_bus
from tests.support.simulated import Fault

LOOSE = "[module.dummy]\nparameters.level = 2\n"
OLD = '# mine\n[module.dummy]\nreason = "old"\n'
_ASKED_TIMEOUT_S = 60.0


class Asking(NamedTuple):
    """A tool that has asked, and the person's side of its terminal."""

    tool: Process
    terminal: int
    said: str

    def answer(self, text: str) -> None:
        os.write(self.terminal, text.encode())


@asynccontextmanager
async def asking(bus: PrivateBus, root: Path, *arguments: str) -> AsyncIterator[Asking]:
    """The tool at a terminal, from its question on."""
    master, slave = pty.openpty()
    try:
        tool = await start(bus, "try", *arguments, stdin=slave, root=root)
        os.close(slave)
        assert tool.stderr
        async with asyncio.timeout(_ASKED_TIMEOUT_S):
            said = await tool.stderr.readuntil(b") ")
        yield Asking(tool, master, said.decode())
    finally:
        os.close(master)


def written(path: Path, text: str = LOOSE) -> str:
    path.write_text(text)
    return str(path)


def files_in(daemon: RealDaemon) -> dict[str, str]:
    """All that lies in /etc/kmodd.d, also what nobody counts; and nothing is on trial any more."""
    assert not daemon.files.trial_dir.exists()
    return {path.name: path.read_text() for path in daemon.etc.iterdir()}


async def begun(daemon: RealDaemon) -> Mapping[str, str]:
    """A machine with one file in force."""
    daemon.drop("10.toml", OLD)
    assert (await daemon.ctl("apply")).status == 0
    assert daemon.kernel.value("dummy", "level") == "0"
    return files_in(daemon)


async def is_as_before(daemon: RealDaemon) -> None:
    await daemon.until(lambda: not daemon.checkpoints.rolling_back)
    assert files_in(daemon) == {"10.toml": OLD}
    assert daemon.kernel.value("dummy", "level") == "0"
    assert daemon.kernel.present() == {"dummy"}
    assert daemon.status("dummy").reason == "old"
    assert daemon.checkpoints.problem == ""


def test_what_is_as_declared_is_kept_if_nobody_is_to_be_asked(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await begun(daemon)
        printed = await daemon.ctl("try", written(tmp_path / "20.toml"), "--yes")
        assert (printed.status, printed.err) == (0, "")
        assert "\ndummy  write  done\n" in printed.out
        assert printed.out.endswith(f"1 module, all as declared\nkept: {daemon.etc}/20.toml\n")
        assert files_in(daemon) == {"10.toml": OLD, "20.toml": LOOSE}
        assert (daemon.etc / "20.toml").stat().st_mode & 0o777 == 0o644
        assert daemon.kernel.value("dummy", "level") == "2"
        (source,) = [s for s in daemon.facade.explain(ModuleName("dummy")) if s.key == "parameters.level"]
        assert source.location.file == str(daemon.etc / "20.toml")
        assert (await daemon.ctl("status")).status == 0

    play_on_bus(bus, tmp_path, scenario)


def test_what_is_not_as_declared_is_not_kept_by_itself(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await begun(daemon)
        daemon.loader.faults[ModuleName("other")] = [Fault(error=22)]
        file = written(tmp_path / "20.toml", f"{LOOSE}[module.other]\n[module.upper]\n")
        printed = await daemon.ctl("try", "--yes", file)
        assert (printed.status, printed.err) == (3, "")
        assert "  other  failed  init-error" in printed.out
        assert printed.out.endswith("taken back: files and kernel are as before\n")
        await is_as_before(daemon)

    play_on_bus(bus, tmp_path, scenario)


def test_what_something_else_outweighs_is_told_and_not_kept_by_itself(
    bus: PrivateBus, tmp_path: Path
) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await begun(daemon)
        later = daemon.drop("90.toml", "[module.dummy]\nparameters.level = 1\n")
        files = (written(tmp_path / "20.toml"), written(tmp_path / "30.toml"))
        printed = await daemon.ctl("try", "--yes", *files)
        said = f"kmoddctl: dummy: parameters.level is not tried: {later}:2 outweighs it\n"
        assert (printed.status, printed.err) == (3, said)
        later.unlink()
        assert (await daemon.ctl("set", "dummy", "level=0")).status == 0
        printed = await daemon.ctl("try", "--yes", *files)
        assert printed.status == 3
        assert "/zz-override-dummy.toml:3 outweighs it\n" in printed.err
        assert (await daemon.ctl("clear", "dummy")).status == 0
        printed = await daemon.ctl("try", "--yes", *files)
        assert (printed.status, printed.err) == (0, "")

    play_on_bus(bus, tmp_path, scenario)


def test_what_was_wrong_before_does_not_stand_against_what_is_tried(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        daemon.loader.faults[ModuleName("other")] = [Fault(error=22)]
        daemon.drop("10.toml", "[module.other]\n")
        assert (await daemon.ctl("apply")).status == 3
        daemon.drop("15-broken.toml", "[module.other\n")
        printed = await daemon.ctl("try", written(tmp_path / "20.toml"), "--yes")
        assert (printed.status, printed.err) == (0, "")
        assert (daemon.etc / "20.toml").read_text() == LOOSE

    play_on_bus(bus, tmp_path, scenario)


@pytest.mark.parametrize(
    ("answer", "kept"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\x04", False)]
)
def test_a_person_is_asked(bus: PrivateBus, tmp_path: Path, answer: str, kept: bool) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await begun(daemon)
        # In the place of a file of that name, whose other keys are gone with it.
        async with asking(bus, daemon.root, written(tmp_path / "10.toml")) as person:
            assert person.said.startswith("keep? [y/N] (taken back in ")
            assert daemon.kernel.value("dummy", "level") == "2"
            assert daemon.status("dummy").reason == ""
            assert (daemon.etc / "10.toml").read_text() == OLD
            person.answer(answer)
            printed = await finish(person.tool)
        assert printed.status == (0 if kept else 3)
        if not kept:
            await is_as_before(daemon)
            return
        assert files_in(daemon) == {"10.toml": LOOSE}
        assert daemon.status("dummy").reason == ""

    play_on_bus(bus, tmp_path, scenario)


def test_no_answer_in_time_is_no(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await begun(daemon)
        async with asking(bus, daemon.root, written(tmp_path / "20.toml"), "--timeout", "3") as person:
            printed = await finish(person.tool)
        assert printed.status == 3
        assert printed.out.endswith("taken back: files and kernel are as before\n")
        await is_as_before(daemon)

    play_on_bus(bus, tmp_path, scenario)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_takes_all_back(bus: PrivateBus, tmp_path: Path, number: signal.Signals) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await begun(daemon)
        async with asking(bus, daemon.root, written(tmp_path / "20.toml")) as person:
            person.tool.send_signal(number)
            printed = await finish(person.tool)
        assert (printed.status, printed.err) == (130, "")
        await is_as_before(daemon)

    play_on_bus(bus, tmp_path, scenario)


def test_an_interrupt_while_something_hangs_takes_all_back(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await begun(daemon)
        gate = daemon.loader.gates[ModuleName("other")] = asyncio.Event()
        file = written(tmp_path / "20.toml", f"{LOOSE}[module.other]\n")
        tool = await start(bus, "try", "--yes", file, root=daemon.root)
        await daemon.until(
            lambda: "other" in daemon.loader.begun() and daemon.kernel.value("dummy", "level") == "2"
        )
        tool.send_signal(signal.SIGINT)
        await daemon.until(lambda: daemon.checkpoints.rolling_back)
        gate.set()
        printed = await finish(tool)
        assert (printed.status, printed.err) == (130, "")
        await is_as_before(daemon)

    play_on_bus(bus, tmp_path, scenario)


@pytest.mark.shows("P8")
def test_kmodd_takes_all_back_when_the_tool_is_killed(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await begun(daemon)
        async with asking(bus, daemon.root, written(tmp_path / "20.toml"), "--timeout", "3") as person:
            person.tool.kill()
            await person.tool.wait()
        await daemon.until(lambda: not any(daemon.files.trial_dir.iterdir()))
        daemon.files.trial_dir.rmdir()
        await daemon.until(lambda: daemon.kernel.value("dummy", "level") == "0")
        await daemon.ctl("reload")
        await is_as_before(daemon)

    play_on_bus(bus, tmp_path, scenario)


def test_kmodd_that_goes_while_a_person_thinks_is_said(bus: PrivateBus, tmp_path: Path) -> None:
    async def main() -> None:
        fake = FakeManager()
        root = tmp_path / "root"
        (root / "etc/kmodd.d").mkdir(parents=True)
        file = written(tmp_path / "20.toml")
        async with polkit(bus):
            async with serving(bus, fake):
                context = asking(bus, root, file)
                person = await context.__aenter__()
            person.answer("n\n")
            printed = await finish(person.tool)
            await context.__aexit__(None, None, None)
        assert printed.status == 3
        assert "kmodd takes all back when the time has run out, or when it starts again\n" in printed.err
        assert not (root / "run/kmodd.d/trial").exists()
        assert fake.calls == ["checkpoint 60", "reload", "reconcile"]

    asyncio.run(main())


def test_json_says_whether_it_was_kept_and_what_came_of_it(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        printed = await daemon.ctl("try", "--yes", "--json", written(tmp_path / "20.toml"))
        document = json.loads(printed.out)
        (row,) = document.pop("modules")
        assert (row["name"], row["condition"]) == ("dummy", "in-sync")
        outcome = {"module": "dummy", "action": "load", "outcome": "done"}
        assert document == {"kept": True, "generation": 2, "outcomes": [outcome]}

    play_on_bus(bus, tmp_path, scenario)


@pytest.mark.parametrize(
    ("name", "text", "exit_status", "said"),
    [
        ("20.toml", "[module.dummy\n", 5, "/20.toml:1:14: the ']' after a table"),
        (
            "20.toml",
            '[module.dummy]\nstate = "denied"\n[module.upper]\nrequires = ["dummy"]\n',
            5,
            "20.toml:",
        ),
        ("20.conf", LOOSE, 2, "20.conf is no drop-in (its name has to end in .toml)"),
        (".20.toml", LOOSE, 2, ".20.toml is no drop-in"),
        ("kmodd.toml", "enforce = false\n", 2, "settings cannot be tried"),
        ("root/etc/kmodd.d/10.toml", OLD, 2, "10.toml is in force already"),
    ],
)
def test_what_cannot_be_tried_changes_nothing(
    bus: PrivateBus, tmp_path: Path, name: str, text: str, exit_status: int, said: str
) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await begun(daemon)
        printed = await daemon.ctl("try", "--yes", written(tmp_path / name, text))
        assert (printed.status, printed.out) == (exit_status, "")
        assert said in printed.err
        assert daemon.facade.generation == 2
        await is_as_before(daemon)

    play_on_bus(bus, tmp_path, scenario)


@pytest.mark.parametrize(
    ("arguments", "exit_status", "said"),
    [
        (("20.toml",), 2, "there is no terminal to ask at whether it is to be kept (--yes keeps it"),
        (("--yes", "nosuch.toml"), 4, "nosuch.toml: it cannot be read: No such file"),
        (("--yes", "20.toml", "d/20.toml"), 2, "two files are named 20.toml"),
        (("--yes", "20.toml", "--timeout", "0"), 2, "a checkpoint cannot last 0 seconds"),
        (("--yes", "20.toml", "--timeout", "-1"), 2, "a number of seconds is wanted"),
        (("--yes", "20.toml", "--timeout", "1h"), 2, "a number of seconds is wanted"),
        (("--yes", "e.toml"), 2, "name a file"),
    ],
)
def test_what_is_wrong_with_the_arguments(
    bus: PrivateBus,
    tmp_path: Path,
    arguments: tuple[str, ...],
    exit_status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        written(tmp_path / "20.toml")
        (tmp_path / "e.toml").mkdir()
        (tmp_path / "d").mkdir()
        written(tmp_path / "d/20.toml")
        await begun(daemon)
        monkeypatch.chdir(tmp_path)
        printed = await daemon.ctl("try", *arguments)
        assert (printed.status, printed.out) == (exit_status, "")
        assert said in printed.err
        await is_as_before(daemon)

    play_on_bus(bus, tmp_path, scenario)


def test_one_trial_at_a_time(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await begun(daemon)
        async with asking(bus, daemon.root, written(tmp_path / "20.toml")) as person:
            printed = await daemon.ctl("try", "--yes", written(tmp_path / "30.toml"))
            assert (printed.status, printed.out) == (7, "")
            assert "files of another trial are in" in printed.err
            assert daemon.kernel.value("dummy", "level") == "2"
            person.answer("n\n")
            await finish(person.tool)
        await is_as_before(daemon)
        await daemon.facade.create_checkpoint(60)
        printed = await daemon.ctl("try", "--yes", written(tmp_path / "30.toml"))
        assert (printed.status, printed.out) == (7, "")
        assert "there is a checkpoint already" in printed.err

    play_on_bus(bus, tmp_path, scenario)


def test_what_is_in_use_by_then_is_said_and_the_rest_taken_back(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await begun(daemon)
        file = written(tmp_path / "20.toml", f"{LOOSE}[module.base]\n")
        async with asking(bus, daemon.root, file) as person:
            daemon.kernel.insert("upper")  # somebody else does that, and it needs base
            person.answer("n\n")
            printed = await finish(person.tool)
        assert printed.status == 8
        assert "a rollback could not take everything back: base" in printed.err
        assert files_in(daemon) == {"10.toml": OLD}
        assert daemon.kernel.value("dummy", "level") == "0"

    play_on_bus(bus, tmp_path, scenario)


def test_what_cannot_take_its_place_is_not_kept(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await begun(daemon)
        (daemon.etc / "20.toml").mkdir(mode=0o755)
        printed = await daemon.ctl("try", "--yes", written(tmp_path / "20.toml"))
        assert printed.status == 1
        assert f"{daemon.etc} cannot be written: 20.toml is a directory" in printed.err
        (daemon.etc / "20.toml").rmdir()
        await daemon.ctl("reload")
        await is_as_before(daemon)

    play_on_bus(bus, tmp_path, scenario)


def test_what_was_never_in_force_is_not_kept(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await begun(daemon)
        daemon.files.trial_dir.mkdir(parents=True)
        daemon.files.trial_dir.chmod(0o777)
        printed = await daemon.ctl("try", "--yes", written(tmp_path / "20.toml"))
        assert printed.status == 5
        assert f"{daemon.files.trial_dir}: group or others can write this directory" in printed.err
        await is_as_before(daemon)

    play_on_bus(bus, tmp_path, scenario)


def test_a_module_that_kmodd_does_not_know_of_is_not_as_declared(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await begun(daemon)
        daemon.reads_files = False
        printed = await daemon.ctl("try", "--yes", written(tmp_path / "20.toml", "[module.other]\n"))
        assert (printed.status, printed.err) == (3, "")
        assert printed.out.endswith("taken back: files and kernel are as before\n")
        assert files_in(daemon) == {"10.toml": OLD}

    play_on_bus(bus, tmp_path, scenario)


@pytest.mark.shows("security 8")
def test_names_and_messages_reach_the_terminal_escaped(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        for name in ("\x1b[2J.toml", "x\n.conf"):
            printed = await daemon.ctl("try", "--yes", written(tmp_path / name))
            assert printed.status == 2
            assert printed.err.removesuffix("\n").isprintable()

    play_on_bus(bus, tmp_path, scenario)
