"""What single measurements of the bench are made of, as far as no guest is needed for it."""

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from bench.asker import GET_ID, GET_VERSION, VERSION, Asker
from bench.flooder import TARGETS
from bench.guest import modules
from bench.guest.processes import named, processor_s, wakeups
from bench.measurements import growth, stall
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
        asker.flood(GET_ID, 10)
        assert asker.call(GET_ID) > 32


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


def test_files_that_are_compiled_declare_as_many_modules_either_way(tmp_path: Path) -> None:
    for write in (growth.a_file_each, growth.one_file):
        with growth.tree(7, write) as paths:
            assert len(compile_catalog(paths).declarations) == 7
