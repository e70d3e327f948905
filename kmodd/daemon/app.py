"""kmodd(8): the command line, and how the process ends."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Sequence

from kmodd import __version__
from kmodd.daemon import collector, log
from kmodd.daemon.composition import Daemon, Stop
from kmodd.daemon.lock import InstanceLock
from kmodd.daemon.message_id import MessageId
from kmodd.daemon.passed import passed_files
from kmodd.daemon.places import Places, make_runtime_dir
from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.client import LoaderClient

_ONE_PASS = ["--once"]
_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon until SIGTERM; the exit status (kmodd(8))."""
    given = sys.argv[1:] if arguments is None else arguments
    # What the units say needs no argparse, which takes 5 ms of each boot.
    once = list(given) == _ONE_PASS or (bool(given) and _asks_for_one_pass(given))
    log.configure(os.environ)
    collector.settle()
    try:
        return asyncio.run(serve(Places.of_environment(os.environ), once=once))
    except KmoddError as error:
        _log.critical("%s", error, extra=log.fields(MessageId.CANNOT_START, code=error.kind.code))
        return error.kind.exit_status
    except Exception:  # noqa: BLE001  # the outer edge: a defect is one entry in the log, and the unit restarts
        _log.critical(
            "kmodd ends because of a defect in itself; please report what follows",
            exc_info=True,
            extra=log.fields(MessageId.DEFECT),
        )
        return ErrorKind.FAILED.exit_status


def _asks_for_one_pass(arguments: Sequence[str]) -> bool:
    """Whether --once is given; ends the process for --help, --version and what is wrong."""
    from argparse import ArgumentParser  # noqa: PLC0415  for whoever starts it by hand

    parser = ArgumentParser(prog="kmodd", description="Keep kernel modules as files declare them.")
    parser.add_argument("--version", action="version", version=f"kmodd {__version__}")
    parser.add_argument("--once", action="store_true", help="make the kernel as declared, then exit")
    once: bool = parser.parse_args(arguments).once
    return once


async def serve(places: Places, *, once: bool) -> int:
    """Set up, run until stopped, clean up; the exit status. Raises KmoddError where it cannot begin."""
    make_runtime_dir(places)
    lock = InstanceLock(places.config.runtime_dir / "lock")
    files = passed_files(os.environ, os.getpid())
    rehearsals = str(places.config.runtime_dir / "rehearsals")
    loader = LoaderClient(places.roots, files.get("kmsg", ()), rehearsals)
    status = 0
    with contextlib.ExitStack() as at_the_end:
        at_the_end.callback(lock.release)
        try:
            async with asyncio.TaskGroup() as group:
                daemon = Daemon(group, places, loader, once=once)
                at_the_end.callback(daemon.close)
                daemon.start()
        except* Stop as stops:
            status = max(stop.status for stop in stops.exceptions if isinstance(stop, Stop))
        except* KmoddError as errors:
            raise errors.exceptions[0] from None
        finally:
            await loader.close()
    return status
