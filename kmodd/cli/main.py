"""kmoddctl(1): the command line, the exit status, and the one place where an error becomes a sentence."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module

from kmodd.cli import INTERRUPTED, usual
from kmodd.cli.terminal.output import Options, Output, style_of
from kmodd.errors import ErrorKind, KmoddError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    _Function = Callable[[Options, Output], int]

PIPE_CLOSED = 128 + 13
"""As a shell reports SIGPIPE (signal(7))."""

_STDOUT = 1
FORMATS = ("json", "dot", "svg", "sarif")
"""Options that say how the output is to be written, one at a time."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; the exit status (kmoddctl(1))."""
    if sys.stderr is None:  # closed by whoever started it, who wants the exit status all the same
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  to the end of the process
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except KmoddError as error:
        sys.stderr.write(f"kmoddctl: {error}\n")
        return error.kind.exit_status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return PIPE_CLOSED
    except OSError as error:
        _discard_output()
        sys.stderr.write(f"kmoddctl: the output cannot be written: {error.strerror}\n")
        return ErrorKind.FAILED.exit_status


def _run(arguments: Sequence[str]) -> int:
    options = _parsed(arguments)
    # A closed one is told before anything is done: the interpreter has no stdout then.
    os.fstat(_STDOUT)
    # What the encoding of the terminal lacks is escaped, too.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    output = Output(sys.stdout, style_of(sys.stdout, os.environ), options.json)
    function: _Function = getattr(import_module(f"kmodd.cli.{options.module_name}"), options.function)
    # What was imported stays: looking for garbage in it takes longer than most commands.
    gc.freeze()
    gc.enable()
    status = function(options, output)
    sys.stdout.flush()
    return status


def _parsed(arguments: Sequence[str]) -> Options:
    options = usual.read(arguments)
    if options is None:
        from kmodd.cli.parser import interpreted  # noqa: PLC0415  seldom needed, and dear

        options = interpreted(arguments)
    _refuse_two_formats(options)
    return options


def _refuse_two_formats(options: Options) -> None:
    """Raises INVALID_ARGUMENT; --json may stand before the command, where no group of argparse sees it."""
    wanted = [f"--{name}" for name in FORMATS if getattr(options, name, False)]
    if len(wanted) > 1:
        message = f"{' and '.join(wanted)} cannot be written at once"
        raise KmoddError(ErrorKind.INVALID_ARGUMENT, message, "take one of them")


def _discard_output() -> None:
    """Let nothing that is left in the buffer raise once more at exit."""
    descriptor = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    if descriptor != _STDOUT:
        os.dup2(descriptor, _STDOUT)
        os.close(descriptor)
