"""Who may call what: one table of members, then uid 0, then polkit; whatever goes wrong is a refusal.

Reading is open to every local user. A member that has no row here is refused.
"""

import logging
from collections.abc import Mapping
from itertools import count
from typing import Any

from kmodd.bus import names
from kmodd.bus.complaints import Complaints
from kmodd.bus.connection import Connection
from kmodd.bus.message import ALLOW_INTERACTIVE_AUTHORIZATION, Message, Variant, WireError
from kmodd.errors import ErrorKind, KmoddError

READ = None
ACTIONS: Mapping[str, str | None] = {
    f"{names.PEER}.Ping": READ,
    f"{names.PEER}.GetMachineId": READ,
    f"{names.INTROSPECTABLE}.Introspect": READ,
    f"{names.PROPERTIES}.Get": READ,
    f"{names.PROPERTIES}.GetAll": READ,
    f"{names.PROPERTIES}.Set": names.MANAGE_ACTION,
    f"{names.OBJECT_MANAGER}.GetManagedObjects": READ,
    f"{names.MANAGER_INTERFACE}.Reload": names.MANAGE_ACTION,
    f"{names.MANAGER_INTERFACE}.Reconcile": names.MANAGE_ACTION,
    f"{names.MANAGER_INTERFACE}.Release": names.MANAGE_ACTION,
    f"{names.MANAGER_INTERFACE}.Plan": READ,
    f"{names.MANAGER_INTERFACE}.ListModules": READ,
    f"{names.MANAGER_INTERFACE}.GetModule": READ,
    f"{names.MANAGER_INTERFACE}.Explain": READ,
    f"{names.MANAGER_INTERFACE}.Symbols": READ,
    f"{names.MANAGER_INTERFACE}.SetOverride": names.MANAGE_ACTION,
    f"{names.MANAGER_INTERFACE}.ClearOverride": names.MANAGE_ACTION,
    f"{names.MANAGER_INTERFACE}.Retry": names.MANAGE_ACTION,
    f"{names.MANAGER_INTERFACE}.Pause": names.MANAGE_ACTION,
    f"{names.MANAGER_INTERFACE}.Resume": names.MANAGE_ACTION,
    f"{names.MANAGER_INTERFACE}.CreateCheckpoint": names.MANAGE_ACTION,
    f"{names.MANAGER_INTERFACE}.Commit": names.MANAGE_ACTION,
    f"{names.MANAGER_INTERFACE}.Rollback": names.MANAGE_ACTION,
}

UNIX_USER_TIMEOUT_S = 5.0
SILENT_TIMEOUT_S = 5.0
INTERACTIVE_TIMEOUT_S = 120.0
_ALLOW_USER_INTERACTION = 1
_CHECK = (names.POLKIT, names.POLKIT_PATH, names.POLKIT_INTERFACE, "CheckAuthorization")
_CANCEL = (names.POLKIT, names.POLKIT_PATH, names.POLKIT_INTERFACE, "CancelCheckAuthorization")
# Not GetConnectionCredentials: dbus-broker's answer has a descriptor of the process in it, and it disconnects
# whoever takes no descriptors (opening.py).
_UNIX_USER = (names.BUS, names.BUS_PATH, names.BUS, "GetConnectionUnixUser")
_log = logging.getLogger(__name__)


def action_of(interface: str, member: str) -> str | None:
    """The polkit action that a member needs, READ for none; raises NOT_AUTHORIZED without a row."""
    try:
        return ACTIONS[f"{interface}.{member}"]
    except KeyError:
        raise KmoddError(ErrorKind.NOT_AUTHORIZED, f"{interface}.{member} is open to nobody") from None


class Authorizer:
    """Asks the bus and polkit about the sender of a call."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ids = count(1)
        self._complaints = Complaints(_log)

    async def check(self, call: Message, action: str) -> None:
        """Return when the sender may do ``action``; raises NOT_AUTHORIZED in every other case."""
        try:
            allowed = await self._is_root(call.sender) or await self._polkit_allows(call, action)
        except (KmoddError, WireError, TypeError, ValueError) as error:
            self._complaints.say("refused", "%s refused: %s", call.member, error)
            allowed = False
        if not allowed:
            raise KmoddError(
                ErrorKind.NOT_AUTHORIZED,
                f"{call.member} is for root and for whom polkit allows {action}",
                "call as root, or where polkit can ask for a password",
            )

    async def _is_root(self, sender: str) -> bool:
        (uid,) = await self._connection.call(_UNIX_USER, "s", (sender,), timeout_s=UNIX_USER_TIMEOUT_S)
        return type(uid) is int and uid == 0

    async def _polkit_allows(self, call: Message, action: str) -> bool:
        """Ask polkit. The subject is the bus name: a process id may be another's by the time polkit looks."""
        interactive = bool(call.flags & ALLOW_INTERACTIVE_AUTHORIZATION)
        request = f"kmodd-{next(self._ids)}"
        subject = ("system-bus-name", {"name": Variant("s", call.sender)})
        flags = _ALLOW_USER_INTERACTION if interactive else 0
        answered = False
        try:
            answer: tuple[Any, ...] = await self._connection.call(
                _CHECK,
                "(sa{sv})sa{ss}us",
                (subject, action, {}, flags, request),
                timeout_s=INTERACTIVE_TIMEOUT_S if interactive else SILENT_TIMEOUT_S,
            )
            answered = True
        finally:
            if not answered:
                self._connection.notify(_CANCEL, "s", (request,))
        ((is_authorized, _challenge, _details),) = answer
        return is_authorized is True
