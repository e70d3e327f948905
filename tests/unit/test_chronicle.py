"""What is logged of a pass: once, for as long as it lasts, and nothing that is about to be mended."""

import logging

import pytest

from kmodd.action import ActionKind
from kmodd.core.draft import Plan, Step
from kmodd.core.initramfs import Copies
from kmodd.daemon.chronicle import MOST_TOLD, Chronicle
from kmodd.daemon.message_id import MessageId
from kmodd.daemon.snapshot import Snapshot
from kmodd.model import Catalog, UnloadRequest
from kmodd.names import ModuleName
from kmodd.shown import Condition, Initramfs, Issue, Location, ModuleState, ModuleStatus, Severity

ZFS = ModuleName("zfs")
BAD = Issue(Severity.ERROR, "unknown-key", "unknown key", "try state", Location("/etc/kmodd.d/a.toml", 3, 1))


def snapshot(
    condition: Condition | None = None, *, issues: tuple[Issue, ...] = (), steps: tuple[Step, ...] = ()
) -> Snapshot:
    statuses = {}
    if condition is not None:
        statuses[ZFS] = ModuleStatus(
            name=ZFS,
            desired="loaded",
            state=ModuleState.LOADED,
            condition=condition,
            message="how it is",
        )
    return Snapshot(catalog=Catalog(issues=issues), plan=Plan(steps=steps), statuses=statuses)


def told(caplog: pytest.LogCaptureFixture, *snapshots: Snapshot) -> list[str]:
    caplog.set_level(logging.INFO, "kmodd")
    chronicle = Chronicle()
    for each in snapshots:
        chronicle.tell(each)
    return [f"{record.levelname} {record.getMessage()}" for record in caplog.records]


def test_a_condition_is_told_once_and_that_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    in_use, good = snapshot(Condition.IN_USE), snapshot(Condition.IN_SYNC)
    assert told(caplog, good, in_use, in_use, good, good, in_use) == [
        "WARNING zfs is in-use: how it is",
        "INFO zfs is as declared again: how it is",
        "WARNING zfs is in-use: how it is",
    ]
    assert [
        (r.__dict__["MESSAGE_ID"], r.__dict__["MODULE"], r.__dict__["CODE"]) for r in caplog.records[:2]
    ] == [
        (MessageId.NOT_AS_DECLARED, "zfs", "in-use"),
        (MessageId.AS_DECLARED_AGAIN, "zfs", "in-sync"),
    ]


def test_a_stale_initramfs_is_no_fault_of_a_file(caplog: pytest.LogCaptureFixture) -> None:
    stale = snapshot()._replace(initramfs=Copies(Initramfs.STALE, (ZFS,)))
    (line,) = told(caplog, snapshot(), stale, stale)
    assert line.startswith(
        "WARNING the initramfs of this kernel is older than what modprobe.d says now of zfs,"
    )
    assert line.endswith(" (make it anew: update-initramfs -u -k all)")
    assert caplog.records[0].__dict__["MESSAGE_ID"] == MessageId.INITRAMFS_STALE
    assert caplog.records[0].__dict__["CODE"] == "initramfs-stale"


def test_another_condition_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    lines = told(caplog, snapshot(Condition.IN_USE), snapshot(Condition.REBOOT_PENDING))
    assert lines == ["WARNING zfs is in-use: how it is", "WARNING zfs is reboot-pending: how it is"]


@pytest.mark.parametrize("condition", [Condition.LOADING, Condition.BACKING_OFF])
def test_what_passes_is_not_told(caplog: pytest.LogCaptureFixture, condition: Condition) -> None:
    assert told(caplog, snapshot(condition)) == []


def test_a_failure_is_told_with_its_second_code_unless_who_tried_has_said_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bare = snapshot(Condition.FAILED)
    status = bare.statuses[ZFS]._replace(message="bad-parameter: the kernel ignored it")
    ignored = bare._replace(statuses={ZFS: status})
    tried = bare._replace(statuses={ZFS: status._replace(failure_count=1)})
    assert told(caplog, tried, tried) == []
    assert told(caplog, ignored, ignored) == ["WARNING zfs is failed: bad-parameter: the kernel ignored it"]
    told(caplog, bare)
    assert [record.__dict__["CODE"] for record in caplog.records] == ["bad-parameter", "failed"]


def test_where_there_is_no_module_tree_it_is_not_said_of_each_module(
    caplog: pytest.LogCaptureFixture,
) -> None:
    missing = snapshot(Condition.MISSING)
    assert told(caplog, missing._replace(problem="there are no modules for the running kernel")) == []
    assert told(caplog, missing) == ["WARNING zfs is missing: how it is"]


def test_what_is_about_to_be_mended_is_not_told_yet(caplog: pytest.LogCaptureFixture) -> None:
    step = Step(ZFS, ActionKind.UNLOAD, UnloadRequest(ZFS), "denied")
    acting = snapshot(Condition.DENIED_BUT_LOADED, steps=(step,))
    assert told(caplog, acting) == []
    assert told(caplog, acting._replace(enforcing=False)) == ["WARNING zfs is denied-but-loaded: how it is"]


def test_who_is_no_longer_named_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    lines = told(caplog, snapshot(Condition.IN_USE), snapshot(), snapshot(Condition.IN_SYNC))
    assert lines == ["WARNING zfs is in-use: how it is"]


def test_an_issue_is_told_once_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    bad = snapshot(issues=(BAD,))
    line = "ERROR /etc/kmodd.d/a.toml:3:1: unknown key (try state)"
    assert told(caplog, bad, bad, snapshot(), bad) == [line, line]
    assert caplog.records[0].__dict__["MESSAGE_ID"] == MessageId.FILE_ISSUE


def test_of_very_many_modules_some_are_told(caplog: pytest.LogCaptureFixture) -> None:
    one = snapshot(Condition.IN_USE)
    many = {
        ModuleName(f"m{n}"): one.statuses[ZFS]._replace(name=ModuleName(f"m{n}"))
        for n in range(MOST_TOLD + 5)
    }
    lines = told(caplog, one._replace(statuses=many))
    assert len(lines) == MOST_TOLD + 1
    assert lines[-1] == "WARNING 5 more modules are not as declared; kmoddctl status shows them"
