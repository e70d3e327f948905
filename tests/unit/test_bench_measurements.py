"""What single measurements of the bench are made of, as far as no guest is needed for it."""

import gc
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.asker import GET_ID, GET_VERSION, VERSION, Asker, calls_a_second
from bench.flooder import TARGETS
from bench.guest import modules, units
from bench.guest.processes import named, processor_s, wakeups
from bench.measurements import growth, pass_ansible, stall, status_command
from bench.notifications import Notifications
from bench.series import Series, within
from kmodd.config.compile import compile_catalog
from kmodd.names import ModuleName
from tests.bus.private_bus import private_bus


def test_what_is_allowed_stands_beside_what_has_no_peer() -> None:
    each = within("calls", Series("kmodd", "s", (0.002, 0.004, 0.006)), 0.005)
    assert (each.ratio, each.target, each.meets_target, each.runs) == (0.8, 1.0, True, 3)
    assert not within("calls", Series("kmodd", "s", (0.006,)), 0.005).meets_target


def _say(path: Path, *texts: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        for text in texts:
            sender.sendto(text.encode(), str(path))


def test_a_notice_has_its_lines_and_the_time_when_it_was_sent(tmp_path: Path) -> None:
    with Notifications(tmp_path / "notify") as heard:
        before_s = time.time()
        _say(heard.path, "READY=1\nSTATUS=fine")
        sent_by_s = time.time()
        notice = heard.receive()
    assert notice.lines == ("READY=1", "STATUS=fine")
    assert before_s <= notice.sent_s <= sent_by_s
    assert not heard.path.exists()


def test_the_watchdog_is_picked_out_and_what_lies_there_can_be_passed_over(tmp_path: Path) -> None:
    with Notifications(tmp_path / "notify") as heard:
        _say(heard.path, "WATCHDOG=1", "STATUS=old")
        heard.drain()
        since_s = time.time()
        _say(heard.path, "STATUS=new", "WATCHDOG=1")
        assert heard.watchdog() >= since_s


def test_the_worst_stall_is_the_longest_gap_less_what_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times_s = iter((10.0, 10.005, 10.035, 10.041, 11.0, 99.0))
    with Notifications(tmp_path / "notify") as heard:
        monkeypatch.setattr(heard, "watchdog", lambda: next(times_s))
        assert stall.worst(heard, lasts_s=0.04) == pytest.approx(0.025)
    assert next(times_s) == 11.0


@pytest.mark.bus
def test_calls_are_answered_on_one_connection_and_a_flood_is_taken() -> None:
    with private_bus() as bus, Asker(bus.address) as asker:
        assert asker.call(GET_ID) > 32
        assert asker.call(GET_ID) > 32
        with pytest.raises(AssertionError, match=r"NameHasNoOwner|ServiceUnknown"):
            asker.call(GET_VERSION, "ss", VERSION)
        assert asker.seconds_a_call(3, GET_ID) > 0
        asker.flood(GET_ID, 10)
        assert asker.call(GET_ID) > 32


def test_seconds_for_a_call_are_said_as_calls_a_second() -> None:
    said = calls_a_second(Series("a", "s", (0.002, 0.5)), Series("b", "s", (0.1,)))
    assert said == "small calls a second, one after another: a 4, b 10"


_UNIT = {
    "InactiveExitTimestampMonotonic": "1500000",
    "ExecMainHandoffTimestampMonotonic": "1600000",
    "ActiveEnterTimestampMonotonic": "1750000",
    "ControlGroup": "/system.slice/it.service",
}


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, ...]]:
    """Calls of systemctl, of which none is made; the unit's two processes are in its group."""
    group = tmp_path / "system.slice/it.service"
    group.mkdir(parents=True)
    (group / "cgroup.procs").write_text("17\n23\n")
    called: list[tuple[str, ...]] = []
    monkeypatch.setattr(units, "_systemctl", lambda *arguments: called.append(arguments))
    monkeypatch.setattr(units, "_property", lambda _unit, name: _UNIT[name])
    monkeypatch.setattr(units, "_GROUPS", tmp_path)
    return called


def test_a_start_takes_as_long_as_the_manager_says(manager: list[tuple[str, ...]]) -> None:
    assert units.start_s("it.service") == 0.25
    assert units.set_up_s("it.service") == 0.1
    assert manager == [("stop", "it.service"), ("reset-failed", "it.service"), ("start", "it.service")]


@pytest.mark.usefixtures("manager")
def test_processes_of_a_unit_are_those_of_its_group() -> None:
    assert units.pids("it.service") == (17, 23)


def test_afresh_leaves_what_is_asked_for(
    manager: list[tuple[str, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "60-old.toml").touch()
    monkeypatch.setattr(modules, "CONFIGURATION", tmp_path)
    monkeypatch.setattr(modules, "load", lambda count: tuple("abc")[: count + 1])
    assert units.afresh(2) == ("a", "b")
    assert manager == [("stop", *units.ALL)]
    assert [path.name for path in tmp_path.glob("*.toml")] == ["50-bench.toml"]


def test_a_command_is_accounted_for_from_exec_to_exit() -> None:
    busy = "import time; [None for _ in iter(lambda: time.process_time() < 0.05, False)]"
    found = status_command.spent((sys.executable, "-I", "-S", "-c", busy))
    assert found.wall_s > 0
    assert found.processor_s >= 0.05
    with pytest.raises(subprocess.CalledProcessError):
        status_command.spent(("false",))


def test_ansible_has_one_task_for_all_modules() -> None:
    play = pass_ansible.playbook(("loop", "nls_cp737"))
    assert isinstance(play, list)
    (task,) = play[0]["tasks"]
    assert task["loop"] == ["loop", "nls_cp737"]
    assert play[0]["gather_facts"] is False


def test_every_flood_is_of_a_member_of_its_name() -> None:
    assert {name: target[3] for name, target in TARGETS.items()} == {name: name for name in TARGETS}


def test_processes_are_found_by_name_and_accounted_for() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        used_s = processor_s((child.pid,))
        assert named("cat") <= child.pid
        child.communicate()
    assert used_s >= 0
    assert processor_s((child.pid,)) == 0
    with pytest.raises(LookupError, match="no such"):
        named("no such process")


def test_wake_ups_are_those_of_all_threads(tmp_path: Path) -> None:
    for pid, thread, count in ((7, 7, 3), (7, 8, 20), (9, 9, 100), (10, 10, 1000)):
        status = tmp_path / f"{pid}/task/{thread}/status"
        status.parent.mkdir(parents=True)
        status.write_text(f"Name:\tit\nvoluntary_ctxt_switches:\t{count}\nnonvoluntary_ctxt_switches:\t5\n")
    assert wakeups((7, 9), tmp_path) == 123


def test_files_of_modules_come_with_what_they_need_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As depmod writes it: a.ko needs b.ko and c.ko, and b.ko needs c.ko."""
    tree = tmp_path / os.uname().release
    tree.mkdir()
    (tree / "modules.dep").write_text("k/a-1.ko: k/b.ko k/c.ko\nk/b.ko: k/c.ko\nk/c.ko:\nk/d.ko:\n")
    monkeypatch.setattr(modules, "TREES", tmp_path)
    assert [path.name for path in modules.files(("b", "a_1", "d"))] == ["c.ko", "b.ko", "a-1.ko", "d.ko"]
    assert [modules.module_of(path) for path in modules.files(("a_1",))] == ["c", "b", "a_1"]


def test_half_of_the_modules_of_a_world_are_to_be_loaded() -> None:
    assert growth.planned(growth.world(100)) == 50
    small = growth.world(10)
    assert set(small.observed) == {f"module_{number}" for number in range(5, 10)}
    assert small.infos[ModuleName("module_4")].dependencies == tuple(f"module_{n}" for n in range(4))


def test_what_was_there_before_is_frozen_while_plans_are_measured_and_no_longer() -> None:
    before, threshold = gc.get_freeze_count(), gc.get_threshold()
    with growth.collected_as_in_the_daemon():
        assert gc.get_freeze_count() > before
        assert gc.get_threshold() > threshold
    assert (gc.get_freeze_count(), gc.get_threshold()) == (0, threshold)


def test_files_that_are_compiled_declare_as_many_modules_either_way(tmp_path: Path) -> None:
    for write in (growth.a_file_each, growth.one_file):
        with growth.tree(7, write) as paths:
            assert len(compile_catalog(paths).declarations) == 7
