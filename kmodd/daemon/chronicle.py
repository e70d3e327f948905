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
from kmodd.shown import Condition, Initramfs, Issue, ModuleStatus, Severity

MOST_TOLD: Final = 100
"""Lines at once of one kind; ten thousand bad files are one mistake of somebody's."""
_UNTOLD: Final = UNDER_WAY | {Condition.FAILED}
"""It passes by itself, or is said by whoever tried."""

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
        untold = _UNTOLD | {Condition.MISSING} if snapshot.problem else _UNTOLD
        fresh = []
        for name, status in snapshot.statuses.items():
            condition, before = status.condition, self._conditions.get(name)
            if condition in GOOD:
                if before is not None:
                    del self._conditions[name]
                    marks = fields(MessageId.AS_DECLARED_AGAIN, module=name, code=condition)
                    _log.info("%s is as declared again: %s", name, status.message, extra=marks)
            elif condition is not before and condition not in untold and name not in moving:
                self._conditions[name] = condition
                fresh.append(status)
        for name in self._conditions.keys() - snapshot.statuses.keys():
            del self._conditions[name]
        _tell(fresh)


def _tell(fresh: list[ModuleStatus]) -> None:
    for status in fresh[:MOST_TOLD]:
        marks = fields(MessageId.NOT_AS_DECLARED, module=status.name, code=status.condition)
        _log.warning("%s is %s: %s", status.name, status.condition, status.message, extra=marks)
    if len(fresh) > MOST_TOLD:
        _log.warning(
            "%d more modules are not as declared; kmoddctl status shows them", len(fresh) - MOST_TOLD
        )
