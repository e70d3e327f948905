"""PID 1 of the guest: builds the root, runs the agent, reaps what nobody waits for, halts."""

import ctypes
import os

from tests.support.agent import agent
from tests.support.uml.init import root

# reboot(2): the machine is only a process, halting ends it.
RB_POWER_OFF = 0x4321FEDC


def _reap_until(child: int) -> None:
    """Collect orphans until ``child`` itself has ended (an init is the parent of every orphan)."""
    while os.wait()[0] != child:
        pass


def main() -> None:
    """Never returns: the kernel panics when PID 1 does."""
    try:
        root.build()
        child = os.fork()
        if child == 0:
            agent.serve("/dev/ttyS0")
            os._exit(0)
        _reap_until(child)
    finally:
        os.sync()
        ctypes.CDLL(None).reboot(RB_POWER_OFF)


main()
