"""What the log says of a pass: issues of files and modules that are not as declared, each once.

The bus may not be there, and a journal is read later. What kmodd does itself the executor tells.
"""

import logging
from typing import Final

from kmodd.core.status import GOOD, UNDER_WAY
from kmodd.daemon.log import fields
from kmodd.daemon.message_id import MessageId
from kmodd.daemon.snapshot import Snapshot
from kmodd.names import ModuleName
from kmodd.shown import Condition, FailureCode, Initramfs, Issue, ModuleStatus, Severity

MOST_TOLD: Final = 100
"""Lines at once of one kind; ten thousand bad files are one mistake of somebody's."""
_CODES: Final = frozenset(map(str, FailureCode))

_log = logging.getLogger(__name__)


class Chronicle:
    """Remembers what it has said, as long as that is so."""

    def __init__(self) -> None:
        self._issues: frozenset[Issue] = frozenset()
        self._conditions: dict[ModuleName, Condition] = {}

    def tell(self, snapshot: Snapshot) -> None:
        """Log what is new in ``snapshot``."""
        self._tell_issues(snapshot.issues)
        self._tell_modules(snapshot)

    def _tell_issues(self, issues: tuple[Issue, ...]) -> None:
        fresh = [issue for issue in issues if issue not in self._issues]
        for issue in fresh[:MOST_TOLD]:
            level = logging.ERROR if issue.severity is Severity.ERROR else logging.WARNING
            about = f"{issue.location}: " if issue.location.file else ""
            text = f"{about}{issue.message}" + (f" ({issue.hint})" if issue.hint else "")
            stale = issue.code == Initramfs.STALE
            kind = MessageId.INITRAMFS_STALE if stale else MessageId.FILE_ISSUE
            _log.log(level, "%s", text, extra=fields(kind, code=issue.code))
        if len(fresh) > MOST_TOLD:
            _log.warning("%d more is wrong with the files; kmoddctl check shows it", len(fresh) - MOST_TOLD)
        self._issues = frozenset(issues)

    def _tell_modules(self, snapshot: Snapshot) -> None:
        """What a step is planned for may be over in a moment, so it is told when it lasts."""
        moving = {step.module for step in snapshot.plan.steps} if snapshot.enforcing else frozenset()
        # Where there is no module tree, that is said, and not of each module.
        untold = UNDER_WAY | {Condition.MISSING} if snapshot.problem else UNDER_WAY
        fresh = []
        for name, status in snapshot.statuses.items():
            condition, before = status.condition, self._conditions.get(name)
            if condition in GOOD:
                if before is not None:
                    del self._conditions[name]
                    marks = fields(MessageId.AS_DECLARED_AGAIN, module=name, code=condition)
                    _log.info("%s is as declared again: %s", name, status.message, extra=marks)
            elif condition is not before and not (
                condition in untold or name in moving or _is_said_elsewhere(status)
            ):
                self._conditions[name] = condition
                fresh.append(status)
        for name in self._conditions.keys() - snapshot.statuses.keys():
            del self._conditions[name]
        _tell(fresh)


def _is_said_elsewhere(status: ModuleStatus) -> bool:
    """Whether it is the failure of an action, which whoever tried has told (daemon/executor.py)."""
    return status.condition is Condition.FAILED and bool(status.failure_count)


def _code(status: ModuleStatus) -> str:
    """The code that says more: of a failure its second one, the first word of its message."""
    word = status.message.partition(":")[0]
    return word if status.condition is Condition.FAILED and word in _CODES else status.condition


def _tell(fresh: list[ModuleStatus]) -> None:
    for status in fresh[:MOST_TOLD]:
        marks = fields(MessageId.NOT_AS_DECLARED, module=status.name, code=_code(status))
        _log.warning("%s is %s: %s", status.name, status.condition, status.message, extra=marks)
    if len(fresh) > MOST_TOLD:
        _log.warning(
            "%d more modules are not as declared; kmoddctl status shows them", len(fresh) - MOST_TOLD
        )
