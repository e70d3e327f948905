"""The other end of sd_notify(3): hears when a started service is ready, as systemd does."""

import socket
import threading
from collections.abc import Callable

PATH = "/run/notify"


class Notifications:
    """Every assignment that came, in order; waiting for one wakes up when it comes."""

    def __init__(self) -> None:
        self._came: list[str] = []
        self._changed = threading.Condition()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(PATH)
        threading.Thread(target=self._record, name="notify", daemon=True).start()

    def notifications(self, since: int) -> list[str]:
        """Assignments (NAME=VALUE) from number ``since`` on."""
        with self._changed:
            return self._came[since:]

    def look_again(self) -> None:
        """Something else changed that a waiter asks about."""
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, assignment: str, since: int, ended: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for an assignment; False when ``ended`` says that it will not come, or not in time."""
        with self._changed:
            self._changed.wait_for(lambda: assignment in self._came[since:] or ended(), timeout_s)
            return assignment in self._came[since:]

    def _record(self) -> None:
        while True:
            message = self._socket.recv(1 << 16).decode(errors="replace")
            with self._changed:
                self._came += message.splitlines()
                self._changed.notify_all()
