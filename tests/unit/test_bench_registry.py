"""The registry of the bench, its command line, and what is read of the guest."""

import base64
import io
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import debian, host
from bench.about import describe
from bench.copied import unpacked
from bench.guest import units
from bench.guest.copy import pack
from bench.guest.memory import memory_of, with_descendants
from bench.guest.place import is_guest
from bench.measurement import InDebian, InGuest, InVirtualMachine, Measurement
from bench.registry import COPY_REPORTS, MEASUREMENTS, REPORTS
from bench.series import Finding
from tests.support.debian.machine import DebianMachine
from tests.support.images.recipe import ImageNotBuilt
from tests.support.vm.boot import AGENT_PORT

_IN_GUESTS = [
    each.place.measure
    for each in MEASUREMENTS
    if isinstance(each.place, InGuest | InDebian | InVirtualMachine)
]
_WITH_PACKAGE = InDebian | InVirtualMachine
_IN_DEBIAN = [each.place.measure for each in MEASUREMENTS if isinstance(each.place, _WITH_PACKAGE)]


@pytest.mark.parametrize("function", [*_IN_GUESTS, *REPORTS.values(), pack], ids=lambda each: each.__module__)
def test_what_runs_inside_is_found_there_by_its_name(function: Callable[..., Finding | str]) -> None:
    assert getattr(import_module(function.__module__), function.__qualname__) is function


def test_what_runs_in_the_debian_needs_no_library_of_the_tests() -> None:
    """Only those of kmodd's package are there; one process for all, to save time."""
    imports = "; ".join(f"import {each.__module__}" for each in (*_IN_DEBIAN, units.versions))
    program = f"import sys; sys.modules.update(pytest=None, hypothesis=None, tests=None); {imports}"
    assert _IN_DEBIAN
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_that_debian_its_rows_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def machine() -> AbstractContextManager[DebianMachine]:
        raise ImageNotBuilt("nobody is root here")

    monkeypatch.setattr(debian, "machine", machine)
    row = Measurement("it", "something", 3, InDebian(_IN_DEBIAN[0]))
    with host.Places() as places:
        assert places.measure(row, 3) == Finding((), ("it: not measured, nobody is root here",))


def test_names_are_used_once() -> None:
    names = [each.name for each in MEASUREMENTS]
    assert len(names) == len(set(names))
    assert not REPORTS.keys() & COPY_REPORTS.keys()


def test_every_measurement_has_rounds_for_a_median() -> None:
    assert all(each.rounds >= 3 and each.what for each in MEASUREMENTS)


@pytest.mark.parametrize("arguments", [["nosuch"], ["--rounds", "-1"], ["--rounds", "x"]])
def test_nonsense_on_the_command_line_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        command.main(arguments)
    assert exit_.value.code == 2
    assert "usage: python -m bench" in capsys.readouterr().err


def test_the_machine_is_described_without_names() -> None:
    machine = describe("6.1.0")
    assert set(machine) == {"cores", "kernel", "guest", "python", "distribution", "load"}
    assert machine["guest"] == "User Mode Linux 6.1.0, 1 processor"
    assert not any("/" in value.replace("GNU/Linux", "") for value in machine.values())


def test_memory_of_a_process_and_of_its_children() -> None:
    nested = "import subprocess, sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-I", "-c", nested], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = memory_of((child.pid,))
        family = with_descendants(child.pid)
        child.communicate()
    assert 0 < found.pss_kib <= found.rss_kib
    assert family == (child.pid,)


def test_children_are_found_below_their_parents() -> None:
    with subprocess.Popen([sys.executable, "-I", "-c", "input()"], stdin=subprocess.PIPE) as child:
        family = with_descendants(_parent_of(child.pid))
        child.communicate(b"\n")
    assert child.pid in family


def test_an_archive_of_a_guest_becomes_places_that_only_report() -> None:
    with unpacked(_archive({"proc/sys/kernel/osrelease": b"6.1.0\n", "etc/kmodd.d/1.toml": b""})) as copy:
        assert copy.release == "6.1.0"
        assert copy.places.config.settings.read_text() == "enforce = false\n"
        assert (copy.base / "lib/modules/6.1.0").is_symlink()
        assert all(path.is_relative_to(copy.base) for path in copy.places.config.directories)
    assert not copy.base.exists()


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[1])


def _archive(files: dict[str, bytes]) -> str:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return base64.b64encode(packed.getvalue()).decode()


@pytest.mark.parametrize("module", ["bench.guest", "bench.guest.prepare"])
def test_what_changes_a_machine_refuses_to_run_outside_of_a_guest(module: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", module, "copy"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert "starts it in a guest" in answer.stderr


def test_a_guest_is_told_by_its_processor_or_by_the_port_of_its_agent() -> None:
    assert is_guest("processor\t: 0\nvendor_id\t: User Mode Linux\nmodel name\t: UML\n")
    other = "processor\t: 0\nvendor_id\t: GenuineIntel\n"
    assert not is_guest(other)
    assert not is_guest(other, ["org.qemu.guest_agent.0"])
    assert is_guest(other, [AGENT_PORT])
