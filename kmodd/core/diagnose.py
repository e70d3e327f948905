"""What a failure is: condition, code, one sentence with what to do, and when it is tried again.

Here are unloads and writes; loads, which fail in more ways, are in core/load_failure.py. Sources:
finit_module(2), delete_module(2), kernel/module/main.c, kernel/params.c.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from typing import Final

from kmodd.action import ActionKind
from kmodd.core.crash import crash_sentence
from kmodd.core.kernel_lines import Lines
from kmodd.core.memory import Retry
from kmodd.model import ModuleInfo, ObservedModule, Parameter, Security
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import Condition, FailureCode, ModuleState


class Known(NamedTuple):
    """What could be found out around an action that failed.

    ``options`` of the load; ``security`` is read where the kernel does not permit something, afterwards.
    ``file`` is what its file says, ``symbols`` what it needs; None where nobody has looked.
    """

    module: ModuleName = ModuleName("")
    options: str = ""
    release: str = ""
    security: Security = Security()
    file: ModuleInfo | None = None
    symbols: frozenset[str] | None = None

    def lines(self, messages: Iterable[str]) -> Lines:
        """The kernel's log lines of the action."""
        return Lines(messages, self.module, self.options, self.symbols)

    @property
    def is_locked(self) -> bool:
        """Whether the kernel is locked down at all."""
        return self.security.lockdown not in ("", "none")


NOTHING_KNOWN: Final = Known()


class Diagnosis(NamedTuple):
    """``code`` is the second code of a failure; None for a condition that says all there is to say."""

    condition: Condition
    code: FailureCode | None
    sentence: str
    retry: Retry

    @property
    def message(self) -> str:
        """The code first, then the sentence: what ``Message`` shows."""
        return f"{self.code}: {self.sentence}" if self.code else self.sentence

    @property
    def told(self) -> str:
        """CODE= of a log entry: the one of both codes that says more."""
        failed = self.condition in (Condition.FAILED, Condition.BACKING_OFF)
        return str(self.code if failed and self.code else self.condition)


def failed(code: FailureCode, sentence: str) -> Diagnosis:
    """What no waiting makes good."""
    return Diagnosis(Condition.FAILED, code, sentence, Retry.CHANGE)


def busy(code: FailureCode, sentence: str) -> Diagnosis:
    """What may pass by itself."""
    return Diagnosis(Condition.BACKING_OFF, code, sentence, Retry.BACKOFF)


_NAMES: Final = {
    **errno.errorcode,
    errno.EOPNOTSUPP: "EOPNOTSUPP",
    512: "ERESTARTSYS",
    515: "ENOIOCTLCMD",
    517: "EPROBE_DEFER",
    524: "ENOTSUPP",
}
"""With those of include/linux/errno.h: not for programs, but an init function may return them."""


def errno_name(error: int) -> str:
    """Name of an errno, of the kernel's own ones too; its number where it has none."""
    return _NAMES.get(error, f"errno {error}")


PASSING: Final = frozenset((errno.EBUSY, errno.EAGAIN, errno.ENOMEM, errno.EINTR))
"""What says of itself that it is for the moment."""

DISABLED: Final = failed(
    FailureCode.MODULES_DISABLED,
    "modules can neither be loaded nor unloaded until the next boot (EPERM): kernel.modules_disabled is 1; "
    "find out which file in sysctl.d sets it, and reboot",
)
_NO_CAPABILITY: Final = failed(
    FailureCode.MODULES_DISABLED,
    "kmodd may not unload modules (EPERM): CAP_SYS_MODULE or a system call filter keeps it from that; look "
    "for drop-ins of kmodd.service",
)


def unload_failure(error: int, seen: ObservedModule | None = None, known: Known = NOTHING_KNOWN) -> Diagnosis:
    """Diagnosis of an unload that left the module in the kernel, where it is ``seen`` now."""
    if error in (errno.EAGAIN, errno.EWOULDBLOCK):
        return Diagnosis(Condition.IN_USE, None, "it is in use (EAGAIN)", Retry.BACKOFF)
    if error == errno.EPERM:
        return DISABLED if known.security.modules_disabled else _NO_CAPABILITY
    if error == errno.EBUSY:
        return _not_unloadable(seen)
    if error in PASSING:
        return busy(FailureCode.INIT_ERROR, f"unloading was interrupted ({errno_name(error)})")
    return failed(FailureCode.INIT_ERROR, f"unloading failed with {errno_name(error)}")


def _not_unloadable(seen: ObservedModule | None) -> Diagnosis:
    """EBUSY of delete_module(2): no exit function, or its state is not live."""
    if seen is not None and seen.permanent:
        sentence = "it has no exit function, so it stays until the next boot (EBUSY)"
        return failed(FailureCode.INIT_ERROR, sentence)
    if seen is not None and seen.state is ModuleState.LOADING:
        return busy(FailureCode.INIT_ERROR, "its init function has not ended yet (EBUSY)")
    if seen is not None and seen.state is ModuleState.UNLOADING:
        return busy(
            FailureCode.INIT_ERROR, "somebody is unloading it already, and that has not ended (EBUSY)"
        )
    return busy(FailureCode.INIT_ERROR, "it was just coming or going (EBUSY)")


_LONGEST_VALUE: Final = 60
_WHY_NOT_TAKEN: Final = {
    errno.EACCES: "it is taken at a load only",
    errno.EPERM: "nothing can set it, or that is not permitted",
    errno.EROFS: "it can only be switched on, or /sys is read-only",
    errno.ENOENT: "it has no file, or the module refused it",
    errno.EINVAL: "that is not valid",
    errno.ERANGE: "that is out of range",
    errno.ENOSPC: "that is too long",
}


def not_taken(error: int, parameter: Parameter, kind: str = "") -> Diagnosis:
    """A parameter whose setter, or whose file, said no to its value; ``kind`` is its type where known."""
    value = parameter.value
    shown = value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]}..."
    of_type = f" ({kind})" if kind else ""
    why = _WHY_NOT_TAKEN.get(error, "the module refused it")
    sentence = (
        f"parameter {parameter.name}{of_type} does not take {shown!r}, {why} ({errno_name(error)}); "
        "correct it, `modinfo -p` describes it"
    )
    return failed(FailureCode.BAD_PARAMETER, sentence)


def write_failure(
    error: int, untaken: Sequence[Parameter] = (), messages: Iterable[str] = (), known: Known = NOTHING_KNOWN
) -> Diagnosis:
    """Diagnosis of parameters that could not be written, ``untaken`` of them (kernel/params.c)."""
    name = errno_name(error)
    if error == errno.ENOMEM:
        return busy(FailureCode.NO_MEMORY, "the kernel had no memory for a value (ENOMEM)")
    if error in PASSING:
        return busy(FailureCode.BAD_PARAMETER, f"the module does not take a value now ({name})")
    names = ", ".join(p.name for p in untaken)
    if error == errno.EPERM and known.lines(messages).is_locked(HARDWARE_PARAMETERS):
        return locked_parameter(names)
    if len(untaken) == 1:
        return not_taken(error, untaken[0])
    among = f" of one of {names}" if untaken else ""
    sentence = f"the module refused a value{among} ({name}); compare the parameters with `modinfo`"
    return failed(FailureCode.BAD_PARAMETER, sentence)


HARDWARE_PARAMETERS: Final = "unsafe module parameters"
"""How lockdown calls those that tell a driver where its device is (security/security.c)."""


def locked_parameter(names: str) -> Diagnosis:
    """Lockdown does not let a parameter be set (kernel/params.c, param_check_unsafe)."""
    which = f"the parameter {names}" if names else "a parameter of it"
    sentence = f"the kernel is locked down and does not let {which} be set (EPERM); leave it out"
    return failed(FailureCode.LOCKDOWN, sentence)


NEED_MOVED = busy(
    FailureCode.UNKNOWN_SYMBOL, "a module that it needs was taken out meanwhile (ENOENT); it is tried again"
)

LOST = busy(FailureCode.INIT_ERROR, "the process that did it ended without a report; it is tried again")
UNDONE = busy(FailureCode.INIT_ERROR, "it was done, and somebody has undone it since; it is tried again")
NOT_RECORDED = busy(
    FailureCode.NOT_RECORDED,
    "it was not begun, because that cannot be written down first and kmodd.toml says quarantine = "
    '"strict"; make room in the state directory of kmodd',
)


def oops(kind: ActionKind) -> Diagnosis:
    """Diagnosis of a change whose process the kernel killed: what it held is held for ever."""
    return failed(FailureCode.OOPS, crash_sentence(kind))
