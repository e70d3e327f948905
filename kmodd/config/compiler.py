"""The daemon's way to a catalog: the cached one while it is current, else the compiler child's work.

The child exists because pydantic costs 14 MiB and 100 ms wherever it is imported, and because nothing that
a file holds can then hurt the daemon.
"""

import asyncio
import contextlib
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable

from kmodd.config.catalog import read_catalog
from kmodd.config.layers import scan
from kmodd.config.paths import ConfigPaths
from kmodd.errors import ErrorKind, KmoddError
from kmodd.model import Catalog
from kmodd.names import printable

_MODULE = "kmodd.config.compile"
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    # Any installed package may offer pydantic a plugin; none has a say in what root loads.
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}
# The child limits its own processor time; this is for a file system that does not answer.
_TIMEOUT_S = 120.0
_MAX_OUTPUT = 4096


async def load_catalog(paths: ConfigPaths, changed: Callable[[], None] = lambda: None) -> Catalog:
    """The catalog of the files as they are now; raises COMPILER_LOST, STATE_NOT_WRITABLE. Blocks no loop.

    ``changed`` is called before files are compiled that differ from the cached catalog's.
    """
    cached = await asyncio.to_thread(_current, paths)
    if cached is not None:
        return cached
    changed()
    await _compile(paths)
    catalog = await asyncio.to_thread(read_catalog, paths.catalog)
    if catalog is None:
        raise KmoddError(ErrorKind.COMPILER_LOST, "the compiler left no catalog", where=str(paths.catalog))
    return catalog


def arguments(paths: ConfigPaths) -> list[str]:
    """Command line of the compiler child for ``paths``."""
    directories = [part for directory in paths.directories for part in ("--dir", str(directory))]
    others = (
        "--trial-dir",
        paths.trial_dir,
        "--settings",
        paths.settings,
        "--runtime-dir",
        paths.runtime_dir,
        "--state-dir",
        paths.state_dir,
    )
    return [sys.executable, "-I", "-m", _MODULE, *directories, *map(str, others)]


def _current(paths: ConfigPaths) -> Catalog | None:
    """The cached catalog if it is of exactly the files there are."""
    catalog = read_catalog(paths.catalog)
    return catalog if catalog is not None and catalog.key == scan(paths).key else None


async def _compile(paths: ConfigPaths) -> None:
    """Run the child to its end; it never outlives this call, whatever ends it."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            process = await asyncio.create_subprocess_exec(
                *arguments(paths), stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, env=_ENVIRONMENT, cwd="/"
            )
            try:
                said = await _drain(process)
                status = await process.wait()
            finally:
                await _end(process)
    except TimeoutError as error:
        raise _lost(f"did not finish within {_TIMEOUT_S:.0f} s") from error
    except OSError as error:
        raise _lost(f"could not be started: {error.strerror}") from error
    _check(status, said)


async def _drain(process: Process) -> str:
    """The end of what the child says, escaped; it may say more, which goes nowhere."""
    tail = b""
    while process.stderr and (chunk := await process.stderr.read(_MAX_OUTPUT)):
        tail = (tail + chunk)[-_MAX_OUTPUT:]
    lines = tail.decode("utf-8", "replace").split("\n")
    return printable(next((line for line in reversed(lines) if line.strip()), ""))


async def _end(process: Process) -> None:
    """Kill and reap what still runs."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _check(status: int, said: str) -> None:
    """Raise unless the child has done its work."""
    if status == ErrorKind.STATE_NOT_WRITABLE.exit_status:
        raise KmoddError(ErrorKind.STATE_NOT_WRITABLE, said, "see that the file system is there and not full")
    if status < 0:
        raise _lost(f"was ended by signal {-status}")
    if status:
        raise _lost(f"failed with status {status}: {said}")


def _lost(what: str) -> KmoddError:
    return KmoddError(ErrorKind.COMPILER_LOST, f"the compiler {what}", "the files before stay in force")
