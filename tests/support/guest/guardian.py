"""Outlives the test run that started a machine, to end that machine when the run was killed.

``guardian GROUP DIRECTORY``: reads standard input. A byte means that the machine has been ended properly.
The end of input alone means that nobody is there to do so any more; the machine gets time to notice that
itself, then its process group is killed and its directory removed. The whole group: killing the kernel alone
would leave the processes that carry its address spaces running wild.
"""

import os
import select
import shutil
import signal
import sys
from contextlib import suppress

_SHUTDOWN_S = 15.0


def main() -> None:
    """Watch one machine."""
    group = int(sys.argv[1])
    with suppress(ProcessLookupError):  # it has ended already
        kernel = os.pidfd_open(group)
        if sys.stdin.buffer.read(1):
            return
        select.select([kernel], [], [], _SHUTDOWN_S)
        os.killpg(group, signal.SIGKILL)
    shutil.rmtree(sys.argv[2], ignore_errors=True)


main()
