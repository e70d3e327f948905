"""The loader at work: single changes, many at once, one that hangs."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from kmodd.errors import ErrorKind, KmoddError
from kmodd.model import LoadRequest, Parameter, Report, UnloadRequest, WriteRequest
from tests.adapters.loader_fixture import (
    ABSENT,
    MODULE,
    Sandbox,
    children_of,
    running,
    settled,
)
from tests.support.module_tree import ModuleTree


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


# ------------------------------------------------------------------------------- changes


def test_a_change_that_the_kernel_refuses_is_reported_with_its_errno_and_times(sandbox: Sandbox) -> None:
    """Which errno it is depends on the host's kernel; that there is one does not."""

    async def scenario() -> list[Report]:
        async with running(sandbox.roots) as client:
            module = ModuleTree(sandbox.base).add("kmodd_test_absent")
            requests: list[LoadRequest | UnloadRequest] = [
                UnloadRequest(ABSENT),
                LoadRequest(ABSENT, str(module), "a=1"),
                LoadRequest(ABSENT, "/nowhere/kmodd_test_absent.ko"),
            ]
            return [await client.perform(request) for request in requests]

    reports = asyncio.run(scenario())
    for report in reports:
        assert report.error
        assert not report.lost
        assert 0 < report.started_us <= report.finished_us
    assert reports[2].error == errno.ENOENT
    assert [[stage.name for stage in report.stages] for report in reports] == [
        [],
        ["find", "read", "record", "insert"],
        ["find"],
    ]
    assert sum(stage.duration_us for stage in reports[1].stages) <= (
        reports[1].finished_us - reports[1].started_us
    )


def test_a_parameter_is_written_in_one_piece(sandbox: Sandbox) -> None:
    (sandbox.parameters / "p").touch()

    async def scenario() -> Report:
        async with running(sandbox.roots) as client:
            return await client.perform(sandbox.write("p", "a b ä"))

    report = asyncio.run(scenario())
    assert report.error == 0
    assert (sandbox.parameters / "p").read_text() == report.shown["p"] == "a b ä"


def test_an_empty_value_is_a_nul_byte_because_no_bytes_would_do_nothing(sandbox: Sandbox) -> None:
    (sandbox.parameters / "p").touch()

    async def scenario() -> Report:
        async with running(sandbox.roots) as client:
            return await client.perform(sandbox.write("p", ""))

    assert asyncio.run(scenario()).error == 0
    assert (sandbox.parameters / "p").read_bytes() == b"\0"


@pytest.mark.parametrize(
    ("parameter", "error"), [("missing", errno.ENOENT), ("directory", errno.EISDIR), ("link", errno.ELOOP)]
)
def test_a_parameter_that_cannot_be_written(sandbox: Sandbox, parameter: str, error: int) -> None:
    (sandbox.parameters / "directory").mkdir()
    (sandbox.parameters / "link").symlink_to(sandbox.kmsg)

    async def scenario() -> Report:
        async with running(sandbox.roots) as client:
            return await client.perform(sandbox.write(parameter))

    assert asyncio.run(scenario()).error == error


def test_parameters_are_written_one_after_the_other_whatever_each_comes_to(sandbox: Sandbox) -> None:
    for name in ("first", "last"):
        (sandbox.parameters / name).touch()
    (sandbox.parameters / "directory").mkdir()
    names = ("first", "missing", "directory", "last")

    async def scenario() -> Report:
        async with running(sandbox.roots) as client:
            values = tuple(Parameter(name, f"value of {name}") for name in names)
            return await client.perform(WriteRequest(MODULE, values))

    report = asyncio.run(scenario())
    assert report.error == errno.ENOENT
    assert (sandbox.parameters / "first").read_text() == "value of first"
    assert (sandbox.parameters / "last").read_text() == "value of last"


@pytest.mark.parametrize("parameter", ["../p", "a/b", "", ".."])
def test_a_parameter_name_that_is_a_path_is_refused(sandbox: Sandbox, parameter: str) -> None:
    (sandbox.parameters / "plain").touch()
    values = (Parameter("plain", "1"), Parameter(parameter, "1"))

    async def scenario() -> Report:
        async with running(sandbox.roots) as client:
            return await client.perform(WriteRequest(MODULE, values))

    with pytest.raises(KmoddError) as caught:
        asyncio.run(scenario())
    assert caught.value.kind is ErrorKind.INVALID_ARGUMENT
    assert (sandbox.parameters / "plain").read_bytes() == b"", "nothing may have been written before"


def test_a_request_that_does_not_fit_is_refused_before_it_is_sent(sandbox: Sandbox) -> None:
    async def scenario() -> tuple[Report, Report]:
        async with running(sandbox.roots) as client:
            too_long = await client.perform(LoadRequest(ABSENT, "/nowhere.ko", "x" * 40_000))
            return too_long, await settled(client)

    too_long, after = asyncio.run(scenario())
    assert too_long.error == errno.E2BIG
    assert not after.lost


# ------------------------------------------------------------------------------- many at once


def test_two_hundred_requests_at_once_and_nothing_left_open(sandbox: Sandbox) -> None:
    async def scenario() -> tuple[list[Report], int]:
        async with running(sandbox.roots) as client:
            reports: list[Report] = []
            for _ in range(3):
                reports += await asyncio.gather(*(settled(client) for _ in range(200)))
            return reports, len(os.listdir(f"/proc/{client.pid}/fd"))

    reports, descriptors = asyncio.run(scenario())
    assert len(reports) == 600
    assert not any(report.lost for report in reports)
    # Children that have reported but not yet ended still count; a leak would be above a thousand.
    assert descriptors < 600


def test_a_child_that_hangs_holds_nothing_else_up(sandbox: Sandbox) -> None:
    sandbox.hang("slow")

    async def scenario() -> tuple[list[Report], Report]:
        async with running(sandbox.roots) as client:
            hung = asyncio.create_task(client.perform(sandbox.write("slow", "7")))
            others = [await settled(client) for _ in range(5)]
            assert not hung.done()
            reader = sandbox.release("slow")
            report = await hung
            os.close(reader)
            return others, report

    others, report = asyncio.run(scenario())
    assert not any(other.lost for other in others)
    assert (report.error, report.lost, report.shown) == (0, False, {"slow": "7"})


def test_a_cancelled_request_is_forgotten_and_nothing_else(sandbox: Sandbox) -> None:
    sandbox.hang("slow")

    async def scenario() -> Report:
        async with running(sandbox.roots) as client:
            hung = asyncio.create_task(client.perform(sandbox.write("slow")))
            await settled(client)
            hung.cancel()
            with pytest.raises(asyncio.CancelledError):
                await hung
            await sandbox.let_go("slow", children_of(client.pid))
            return await settled(client)

    assert not asyncio.run(scenario()).lost
