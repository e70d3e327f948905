"""kmoddctl load, deny, set and clear: against the daemon's inside, with real files and the real compiler."""

import asyncio
import json
import tomllib
from pathlib import Path

import pytest

from kmodd.bus.auth import Authorizer
from kmodd.names import ModuleName
from tests.bus.cli_tool import kmoddctl
from tests.bus.private_bus import Printed, PrivateBus
from tests.bus.real_daemon import RealDaemon, play_on_bus
from tests.bus.test_cli_client import is_not_root
from tests.support.config_tree import config_paths, drop
from tests.support.simulated import Fault

DUMMY = "zz-kmoddctl-dummy.toml"
HEADER = """\
# Made by kmoddctl(1), which writes the whole of it anew; `kmoddctl clear dummy` takes it away.
# Once anybody has changed it, such as by a comment, kmoddctl leaves it alone.
"""


def test_a_module_is_loaded_for_this_boot_and_that_is_said(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        assert await daemon.ctl("load", "dummy") == Printed(0, "dummy  loaded  in-sync  declared\n", "")
        assert daemon.kernel.present() == {"dummy"}
        assert list(daemon.etc.iterdir()) == []
        assert daemon.override_files.kept().keys() == {"dummy"}

    play_on_bus(bus, tmp_path, scenario)


def test_json_is_the_row_of_the_module(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        printed = await daemon.ctl("deny", "dummy", "--json")
        assert printed.status == 0
        row = json.loads(printed.out)
        message = row.pop("message")
        assert row == {"name": "dummy", "desired": "denied", "state": "not-loaded", "condition": "denied"}
        assert message

    play_on_bus(bus, tmp_path, scenario)


def test_what_is_not_as_asked_is_said_and_a_status_of_its_own(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        daemon.loader.faults[ModuleName("dummy")] = [Fault(error=22)]
        printed = await daemon.ctl("load", "dummy")
        assert (printed.status, printed.err) == (3, "")
        assert printed.out.startswith(
            "dummy  not-loaded  failed  init-error: its init function failed with EINVAL"
        )

    play_on_bus(bus, tmp_path, scenario)


def test_a_module_in_use_is_not_denied_yet(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        daemon.kernel.insert("upper")
        printed = await daemon.ctl("deny", "base")
        assert (printed.status, printed.err) == (3, "")
        assert printed.out.startswith("base  loaded  denied-but-loaded  in use by upper")

    play_on_bus(bus, tmp_path, scenario)


def test_parameters_are_set_one_after_the_other_and_written(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await daemon.ctl("load", "dummy")
        assert (await daemon.ctl("set", "dummy", "level=7")).status == 0
        assert daemon.kernel.value("dummy", "level") == "7"
        printed = await daemon.ctl("set", "dummy", "numdummies=3")
        assert printed.status == 3  # it is taken at a load only
        assert "reload-pending" in printed.out
        override = daemon.override_files.kept()[ModuleName("dummy")]
        assert 'state = "loaded"\nparameters = { level = 7, numdummies = 3 }\n' in override

    play_on_bus(bus, tmp_path, scenario)


@pytest.mark.parametrize("until", ["--runtime", "--persistent"])
def test_parameters_alone_have_nothing_loaded(bus: PrivateBus, tmp_path: Path, until: str) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        printed = await daemon.ctl("set", "dummy", "level=7", until)
        assert printed.status == 0
        assert printed.out.startswith("dummy  not-loaded  in-sync  left to others")
        assert not daemon.kernel.present()

    play_on_bus(bus, tmp_path, scenario)


@pytest.mark.parametrize("until", ["--runtime", "--persistent"])
def test_parameters_leave_it_to_a_file_whether_the_module_is_loaded(
    bus: PrivateBus, tmp_path: Path, until: str
) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        daemon.drop("10.toml", "[module.dummy]\n")
        await daemon.ctl("reload")
        await daemon.ctl("load", "dummy")  # an override hides from provenance that the file declares it
        assert (await daemon.ctl("set", "dummy", "level=7", until)).status == 0
        await daemon.facade.clear_override(ModuleName("dummy")) if until == "--persistent" else None
        assert daemon.status("dummy").desired == "loaded"
        assert daemon.kernel.value("dummy", "level") == "7"

    play_on_bus(bus, tmp_path, scenario)


def test_what_lasts_is_a_file_that_others_can_read(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        printed = await daemon.ctl("load", "--persistent", "dummy")
        assert printed == Printed(0, "dummy  loaded  in-sync  declared\n", "")
        assert (await daemon.ctl("set", "--persistent", "dummy", "level=on", "numdummies=2")).status == 3
        (file,) = daemon.etc.iterdir()
        assert (file.name, file.stat().st_mode & 0o777) == (DUMMY, 0o644)
        table = 'state = "loaded"\nparameters = { level = "on", numdummies = 2 }\n'
        assert file.read_text() == f"{HEADER}[module.dummy]\n{table}"
        assert daemon.override_files.kept() == {}

    play_on_bus(bus, tmp_path, scenario)


def test_what_lasts_is_not_outweighed_by_what_was_for_this_boot(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await daemon.ctl("load", "dummy")
        await daemon.ctl("set", "dummy", "level=7")
        assert (await daemon.ctl("deny", "--persistent", "dummy")).status == 0
        assert not daemon.kernel.present()
        override = daemon.override_files.kept()[ModuleName("dummy")]
        assert override.endswith("[module.dummy]\nparameters = { level = 7 }\n")
        await daemon.ctl("set", "--persistent", "dummy", "level=8")
        assert daemon.override_files.kept() == {}

    play_on_bus(bus, tmp_path, scenario)


def test_clear_takes_both_kinds_away_and_no_file_of_a_person(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        own = daemon.drop("50-mine.toml", "[module.dummy]\nparameters.level = 1\n")
        await daemon.ctl("set", "dummy", "level=2", "--persistent")
        await daemon.ctl("set", "dummy", "level=3")
        assert daemon.kernel.value("dummy", "level") == "3"
        assert await daemon.ctl("clear", "dummy") == Printed(0, "dummy  loaded  in-sync  declared\n", "")
        assert daemon.kernel.value("dummy", "level") == "1"
        assert list(daemon.etc.iterdir()) == [own]
        printed = await daemon.ctl("clear", "dummy")
        assert (printed.status, printed.out) == (4, "")
        assert "kmoddctl has set nothing for module dummy" in printed.err

    play_on_bus(bus, tmp_path, scenario)


def test_what_nothing_declares_any_more_stays_and_is_said_not_to_be_managed(
    bus: PrivateBus, tmp_path: Path
) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await daemon.ctl("load", "dummy")
        printed = await daemon.ctl("clear", "dummy")
        assert printed == Printed(0, "dummy  loaded  not-managed  no file names it\n", "")
        await daemon.ctl("deny", "other")
        printed = await daemon.ctl("clear", "other")
        assert (
            printed.out == "other  not-loaded  not-managed  no file names it, and it is not in the kernel\n"
        )

    play_on_bus(bus, tmp_path, scenario)


@pytest.mark.parametrize(
    "text",
    [
        "[module.dummy]\n",
        f"{HEADER}[module.dummy]\n[module.other]\n",
        f"{HEADER}[module.dummy\n",
        f"{HEADER}[module.other]\n",
        f"{HEADER}# because of ticket 7\n[module.dummy]\nparameters = {{ level = 1 }}\n",
        f"{HEADER}[module.dummy]\nparameters = {{ level = 1 }} # the louder one\n",
        f"{HEADER}[module.dummy]\nparameters.level = 1\n",
        f"{HEADER}[module.dummy]\nparameters = {{ level = 2026-01-01 }}\n",
        "",
    ],
)
@pytest.mark.parametrize("command", [("load", "--persistent"), ("clear",)])
def test_a_file_that_a_person_has_changed_is_left_alone(
    bus: PrivateBus, tmp_path: Path, text: str, command: tuple[str, ...]
) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        file = daemon.drop(DUMMY, text)
        printed = await daemon.ctl(*command, "dummy")
        assert (printed.status, printed.out) == (1, "")
        assert f"{file} is not as kmoddctl makes it, so it is left alone" in printed.err
        assert file.read_text() == text

    play_on_bus(bus, tmp_path, scenario)


def test_what_the_compiler_refuses_is_never_there(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        daemon.drop("10.toml", '[module.upper]\nrequires = ["base"]\n')
        await daemon.ctl("reload")
        printed = await daemon.ctl("deny", "--persistent", "base")
        assert (printed.status, printed.out) == (5, "")
        assert f"{daemon.etc}/zz-kmoddctl-base.toml:4:1: " in printed.err
        assert "/tmp/kmoddctl-" not in printed.err
        assert [path.name for path in daemon.etc.iterdir()] == ["10.toml"]
        printed = await daemon.ctl("deny", "base")
        assert printed.status == 5
        assert daemon.override_files.kept() == {}

    play_on_bus(bus, tmp_path, scenario)


def test_errors_of_other_files_are_not_ones_of_what_is_asked(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        daemon.drop("10-broken.toml", "[module.other\n")
        printed = await daemon.ctl("load", "--persistent", "dummy")
        assert printed == Printed(0, "dummy  loaded  in-sync  declared\n", "")
        assert (await daemon.ctl("clear", "dummy")).status == 0

    play_on_bus(bus, tmp_path, scenario)


def test_a_directory_that_kmodd_does_not_believe_is_not_as_asked(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        daemon.etc.chmod(0o777)
        printed = await daemon.ctl("load", "--persistent", "dummy")
        assert (printed.status, printed.err) == (3, "")
        assert "not-managed" in printed.out

    play_on_bus(bus, tmp_path, scenario)


@pytest.mark.shows("fault: full disk")
def test_what_cannot_be_written_is_said_and_changes_nothing(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        (daemon.etc / f".{DUMMY}.new").mkdir()
        printed = await daemon.ctl("load", "--persistent", "dummy")
        assert (printed.status, printed.out) == (1, "")
        assert f"{daemon.etc} cannot be written: Is a directory (see that the file system" in printed.err
        assert not daemon.kernel.present()

    play_on_bus(bus, tmp_path, scenario)


@pytest.mark.parametrize("command", [("set", "--persistent", "dummy", "level=8"), ("clear", "dummy")])
def test_without_kmodd_no_file_is_changed(bus: PrivateBus, tmp_path: Path, command: tuple[str, ...]) -> None:
    (etc, *_) = config_paths(tmp_path).directories
    file = drop(etc, DUMMY, f"{HEADER}[module.dummy]\nparameters = {{ level = 7 }}\n")
    before = file.read_text()
    printed = asyncio.run(kmoddctl(bus, *command, root=tmp_path))
    assert (printed.status, printed.out) == (18, "")
    assert list(etc.iterdir()) == [file]
    assert file.read_text() == before


def test_who_sets_something_at_the_same_time_takes_nothing_away(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        words = [f"p{number}={number}" for number in range(6)]
        tools = (daemon.ctl("set", "--persistent", "dummy", word) for word in words)
        assert {printed.status for printed in await asyncio.gather(*tools)} == {0}
        (table,) = tomllib.loads((daemon.etc / DUMMY).read_text())["module"].values()
        assert table["parameters"] == {f"p{number}": number for number in range(6)}

    play_on_bus(bus, tmp_path, scenario)


@pytest.mark.parametrize("before", [(), ("level=3",)])
def test_who_may_not_reload_has_changed_no_file(
    bus: PrivateBus, tmp_path: Path, before: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        if before:
            await daemon.ctl("set", "--persistent", "dummy", *before)
        files = {path.name: path.read_text() for path in daemon.etc.iterdir()}
        monkeypatch.setattr(Authorizer, "_is_root", is_not_root)
        daemon.polkit.answer = False
        printed = await daemon.ctl("load", "--persistent", "dummy")
        assert (printed.status, printed.out) == (6, "")
        assert "Reload is for root and for whom polkit allows" in printed.err
        assert {path.name: path.read_text() for path in daemon.etc.iterdir()} == files
        assert (await daemon.ctl("load", "dummy")).status == 6

    play_on_bus(bus, tmp_path, scenario)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "dummy", "level"), "'level' sets no parameter (write PARAM=VALUE"),
        (("set", "dummy", "../x=1"), "'../x=1' sets no parameter"),
        (("load", "../x"), "'../x' is not a module name"),
        (("set", "dummy"), "the following arguments are required: PARAM=VALUE"),
        (("load", "dummy", "--runtime", "--persistent"), "not allowed with argument"),
        (("set", "dummy", "level=a\nb"), "unprintable character"),
        (("set", "dummy", "--persistent", "level=a\nb"), "unprintable character"),
    ],
)
def test_what_is_wrong_with_the_arguments_changes_nothing(
    bus: PrivateBus, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        printed = await daemon.ctl(*arguments)
        assert (printed.status, printed.out) == (2, "")
        assert said in printed.err
        assert list(daemon.etc.iterdir()) == []
        assert daemon.override_files.kept() == {}

    play_on_bus(bus, tmp_path, scenario)
