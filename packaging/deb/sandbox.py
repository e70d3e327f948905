"""A chroot unpacked in memory, in namespaces of its own: no network, nothing left, however it ends."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from deb.errors import DebError

_PACKAGING = Path(__file__).resolve().parents[1]
_NAMESPACES = ("--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child")
_LAST_LINES = 80
_NOT_ROOT = ("--map-root-user", "--map-auto")


class Answer(NamedTuple):
    """What a command in the sandbox came to; output and errors as they appeared."""

    status: int
    output: str


class Sandbox:
    """Runs commands in a fresh copy of a chroot; ``exchange`` is seen there as ``/exchange``.

    Entering raises DebError when there can be none.
    """

    def __init__(self, tarball: Path, exchange: Path) -> None:
        self._tarball = tarball
        self._exchange = exchange
        self.mount_point = ""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.mount_point = tempfile.mkdtemp(prefix="kmodd-sandbox-")
        mapping = () if os.geteuid() == 0 else _NOT_ROOT
        inside = [sys.executable, "-m", "deb.inside", str(self._tarball), str(self._exchange)]
        self._process = subprocess.Popen(
            ["unshare", *_NAMESPACES, *mapping, *inside, self.mount_point],
            cwd=_PACKAGING,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._answer() is None:
            self._end()
            raise DebError("no sandbox: unshare(1), mount(8) or tar(1) failed, see above")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            with suppress(BrokenPipeError), process:  # closes its standard input, at which it ends
                pass
        shutil.rmtree(self.mount_point)  # empty: the mounts were only in there

    def run(
        self, *command: str, directory: str = "/", environment: Mapping[str, str] | None = None
    ) -> Answer:
        """Run a command as root of the chroot, and wait. Raises DebError when the sandbox has ended."""
        if self._process is None or self._process.stdin is None:
            raise DebError("the sandbox is not open")
        request = json.dumps([command, directory, dict(environment or {})])
        try:
            print(request, file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise DebError(f"the sandbox has ended before this ran: {' '.join(command)}") from None
        answer = self._answer()
        if answer is None:
            raise DebError(f"the sandbox ended while this ran: {' '.join(command)}")
        return answer

    def _answer(self) -> Answer | None:
        """The next line of the inner end; None when it has ended."""
        line = self._process.stdout.readline() if self._process and self._process.stdout else ""
        return Answer(*json.loads(line)) if line else None

    def check(self, *command: str, directory: str = "/", environment: Mapping[str, str] | None = None) -> str:
        """The output of a command that has to succeed. Raises DebError with it."""
        answer = self.run(*command, directory=directory, environment=environment)
        if answer.status != 0:
            said = "\n".join(answer.output.splitlines()[-_LAST_LINES:])
            raise DebError(f"{said}\nthis failed ({answer.status}): {' '.join(command)}")
        return answer.output
