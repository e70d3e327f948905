"""Signals as callbacks of the loop: heard in it, and left as they were found."""

import asyncio
import os
import signal

from kmodd.daemon.signals import Signals


def test_each_signal_has_its_callback_and_all_are_left_as_they_were() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)]

    async def scenario() -> None:
        first, second = asyncio.Event(), asyncio.Event()
        signals = Signals({signal.SIGUSR1: first.set, signal.SIGUSR2: second.set})
        os.kill(os.getpid(), signal.SIGUSR1)
        await first.wait()
        assert not second.is_set()
        os.kill(os.getpid(), signal.SIGUSR2)
        await second.wait()
        signals.close()

    asyncio.run(scenario())
    assert [signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_a_signal_wakes_a_loop_that_waits_for_nothing_else() -> None:
    async def scenario() -> None:
        heard = asyncio.Event()
        signals = Signals({signal.SIGALRM: heard.set})
        signal.setitimer(signal.ITIMER_REAL, 0.01)  # by the kernel, while the loop is in epoll_wait(2)
        await heard.wait()
        signals.close()

    asyncio.run(scenario())


def test_what_is_not_asked_for_is_passed_over() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR2, lambda number, _: seen.append(number))

    async def scenario() -> None:
        heard = asyncio.Event()
        signals = Signals({signal.SIGUSR1: heard.set})
        os.kill(os.getpid(), signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGUSR1)
        await heard.wait()
        signals.close()

    try:
        asyncio.run(scenario())
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert seen == [signal.SIGUSR2]
