"""What an errno of a load or an unload means, whether to try again, and what a person can do about it.

Sources: finit_module(2), delete_module(2), kernel/module/main.c, security/lockdown/lockdown.c.
"""

import errno
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from kmodd.shown import ActionKind, Condition, FailureCode


class Retry(Enum):
    """When a failed request is tried again by itself."""

    CHANGE = "change"
    """When the configuration, the module file or the kernel changes."""
    EVENT = "event"
    """When a matching device appears."""
    BACKOFF = "backoff"
    """After a while, longer each time."""


class Diagnosis(NamedTuple):
    """Condition, the code of the failure, one sentence with what to do, and when to try again."""

    condition: Condition
    code: FailureCode
    sentence: str
    retry: Retry

    @property
    def message(self) -> str:
        """The code first, then the sentence: what ``Message`` shows."""
        return f"{self.code}: {self.sentence}"


def _failed(code: FailureCode, sentence: str) -> Diagnosis:
    return Diagnosis(Condition.FAILED, code, sentence, Retry.CHANGE)


def _busy(code: FailureCode, sentence: str) -> Diagnosis:
    return Diagnosis(Condition.BACKING_OFF, code, sentence, Retry.BACKOFF)


_LOAD = {
    errno.ENODEV: Diagnosis(
        Condition.WAITING_FOR_HARDWARE,
        FailureCode.INIT_ERROR,
        "the module found no device (ENODEV); it is tried again when a device for it appears",
        Retry.EVENT,
    ),
    errno.EINVAL: _failed(
        FailureCode.BAD_PARAMETER,
        "the kernel or the module refused a value (EINVAL); compare the parameters with `modinfo`",
    ),
    errno.ERANGE: _failed(FailureCode.BAD_PARAMETER, "a parameter is out of range (ERANGE); correct it"),
    errno.ENOSPC: _failed(FailureCode.BAD_PARAMETER, "a parameter is too long (ENOSPC); shorten it"),
    errno.ENOENT: _failed(
        FailureCode.UNKNOWN_SYMBOL,
        "it needs a symbol that nothing in this kernel exports, or a parameter it does not have (ENOENT)",
    ),
    errno.ENOEXEC: _failed(
        FailureCode.BAD_FORMAT,
        "the file is damaged or built for another kernel (ENOEXEC); install the modules of this kernel",
    ),
    errno.EPERM: _failed(
        FailureCode.MODULES_DISABLED,
        "the kernel does not permit loading it (EPERM): module_blacklist=, modules_disabled or lockdown",
    ),
    errno.EKEYREJECTED: _failed(
        FailureCode.BAD_SIGNATURE,
        "its signature is missing or not trusted (EKEYREJECTED); sign it with a key that the kernel knows",
    ),
    errno.ENOMEM: _busy(FailureCode.NO_MEMORY, "the kernel had no memory for it (ENOMEM)"),
    errno.EBUSY: _busy(FailureCode.INIT_ERROR, "the module or something that it needs is busy (EBUSY)"),
    errno.EAGAIN: _busy(FailureCode.INIT_ERROR, "the kernel asks to try again (EAGAIN)"),
    errno.EEXIST: _busy(FailureCode.INIT_ERROR, "a module of this name is just coming or going (EEXIST)"),
}


_LOCKDOWN_LINE = "unsigned module loading is restricted; see man kernel_lockdown.7"
_LOCKDOWN = _failed(
    FailureCode.LOCKDOWN,
    "the kernel is locked down and its signature is missing or not trusted (EPERM); sign it with a key that "
    "the kernel knows, see kernel_lockdown(7)",
)


def load_failure(error: int, messages: Iterable[str] = ()) -> Diagnosis:
    """Diagnosis of a load that left nothing in the kernel: an errno, and what the kernel logged meanwhile."""
    if error == errno.EPERM and any(_LOCKDOWN_LINE in line for line in messages):
        return _LOCKDOWN
    known = _LOAD.get(error)
    if known is not None:
        return known
    name = errno.errorcode.get(error, str(error))
    return _busy(FailureCode.INIT_ERROR, f"its init function failed with {name}; see the kernel's messages")


def unload_failure(error: int) -> Diagnosis:
    """Diagnosis of an unload that left the module in the kernel; ``error`` is an errno."""
    if error in (errno.EAGAIN, errno.EWOULDBLOCK):
        return Diagnosis(Condition.IN_USE, FailureCode.INIT_ERROR, "it is in use (EAGAIN)", Retry.BACKOFF)
    if error == errno.EBUSY:
        return _busy(FailureCode.INIT_ERROR, "it cannot be unloaded or is just coming or going (EBUSY)")
    name = errno.errorcode.get(error, str(error))
    return _failed(FailureCode.INIT_ERROR, f"unloading failed with {name}")


def write_failure(error: int) -> Diagnosis:
    """Diagnosis of parameters that could not be written; ``error`` is an errno (kernel/params.c)."""
    if error in (errno.EBUSY, errno.EAGAIN, errno.ENOMEM, errno.EINTR):
        name = errno.errorcode.get(error, str(error))
        return _busy(FailureCode.BAD_PARAMETER, f"the module does not take a value now ({name})")
    name = errno.errorcode.get(error, str(error))
    sentence = f"the module refused a value ({name}); compare the parameters with `modinfo`"
    return _failed(FailureCode.BAD_PARAMETER, sentence)


NEED_MOVED = _busy(
    FailureCode.UNKNOWN_SYMBOL, "a module that it needs was taken out meanwhile (ENOENT); it is tried again"
)

LOST = _busy(FailureCode.INIT_ERROR, "the process that did it ended without a report; it is tried again")
UNDONE = _busy(FailureCode.INIT_ERROR, "it was done, and somebody has undone it since; it is tried again")
NOT_RECORDED = _busy(
    FailureCode.NOT_RECORDED,
    "it was not begun, because that cannot be written down first and kmodd.toml says quarantine = "
    '"strict"; make room in the state directory of kmodd',
)

_CRASHED = {
    ActionKind.LOAD: "its init",
    ActionKind.UNLOAD: "its exit",
    ActionKind.WRITE: "setting a parameter",
}


def oops(kind: ActionKind) -> Diagnosis:
    """Diagnosis of a change whose process the kernel killed: what it held is held for ever."""
    sentence = f"{_CRASHED[kind]} crashed in the kernel; nobody tries that again before the next boot"
    return _failed(FailureCode.OOPS, sentence)
