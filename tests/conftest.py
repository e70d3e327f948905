"""Guards around every test: whatever it starts or opens, it ends or closes."""

import asyncio
import os
import resource
import signal
import threading
from asyncio import runners
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.agent.processes import scan

if TYPE_CHECKING:
    from tests.support.debian_packages import PackageFiles

# How long an example takes says something about the machine, nothing about kmodd. CI tries the same examples
# every time, so that what it says is about the change; new ones are for whoever works on it.
settings.register_profile("kmodd", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("kmodd")

# A shell that runs the tests in the background has it ignored, which every child would inherit (signal(7)).
signal.signal(signal.SIGINT, signal.default_int_handler)

_TIERS = {"uml", "bus", "debian", "vm"}
_THREAD_END_S = 2.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of a tier by the directory they are in."""
    for item in items:
        for tier in _TIERS.intersection(item.path.relative_to(item.config.rootpath).parts):
            item.add_marker(tier)


@pytest.fixture(scope="session")
def debian_packages() -> "tuple[PackageFiles, ...]":
    """The packages in tests/support/debian-packages.txt; downloaded once for a machine."""
    from tests.support.debian_packages import fetch, listed  # noqa: PLC0415  tests/unit/test_guards.py

    return fetch([package.name for package in listed()])


@pytest.fixture(autouse=True)
def _nothing_left_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves a task, a thread, a child process, a file descriptor or a resource limit."""
    tasks: list[str] = []
    monkeypatch.setattr(runners, "_cancel_all_tasks", _recording(tasks))
    threads, children, descriptors = set(threading.enumerate()), _children(), _descriptors()
    limits = _limits()
    yield
    left = {
        "tasks": tasks,
        "threads": [thread.name for thread in _new_threads(threads)],
        "child processes": sorted(_children() - children),
        "file descriptors": sorted(_descriptors() - descriptors),
        "resource limits": sorted(_limits() - limits),
    }
    found = {kind: names for kind, names in left.items() if names}
    assert not found, f"left behind: {found}"


def _limits() -> set[tuple[str, tuple[int, int]]]:
    """Every limit of this process (getrlimit(2)): a lower one hits whoever comes later."""
    names = (name for name in dir(resource) if name.startswith("RLIMIT_"))
    return {(name, resource.getrlimit(getattr(resource, name))) for name in names}


def _recording(tasks: list[str]) -> Callable[[asyncio.AbstractEventLoop], None]:
    """asyncio.run() cancels what is left when the main coroutine has returned; write that down first."""
    cancel_all = runners._cancel_all_tasks  # type: ignore[attr-defined]

    def cancel_and_record(loop: asyncio.AbstractEventLoop) -> None:
        tasks.extend(str(task.get_coro()) for task in asyncio.all_tasks(loop))
        cancel_all(loop)

    return cancel_and_record


def _new_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    """Threads that live on; one that is just ending is waited for."""
    fresh = [thread for thread in threading.enumerate() if thread not in before]
    for thread in fresh:
        thread.join(_THREAD_END_S)
    return [thread for thread in fresh if thread.is_alive()]


def _children() -> set[str]:
    """Every child process as "pid (name)", zombies included."""
    return {f"{process.pid} ({process.name})" for process in scan() if process.parent == os.getpid()}


def _descriptors() -> set[str]:
    """Every open descriptor as "number target"; the one that lists the directory is closed again."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
        except FileNotFoundError:
            continue
    return found
