"""``kmoddctl try FILE...``: change with a net. What nobody keeps in time is taken back, files and kernel."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from kmodd.cli.bus.manager import Manager, ask
from kmodd.cli.bus.standing import Row
from kmodd.cli.change import places
from kmodd.cli.change.apply import Applied, carried_lines, carried_out
from kmodd.cli.change.judge import Candidate, refuse_wrong
from kmodd.cli.change.trial_files import TrialFiles, read
from kmodd.cli.terminal.output import NOT_IN_ORDER, Options, Output
from kmodd.cli.terminal.tones import in_order
from kmodd.errors import ErrorKind, KmoddError
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName, is_module_name, module_name, printable
from kmodd.shown import REPLACED, OutcomeRow

_STDIN = 0
_LONGEST = 4096
"""Bytes of a line at a terminal (termios(3))."""
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NO_ANSWER = (ErrorKind.NO_BUS, ErrorKind.NOT_RUNNING, ErrorKind.FAILED)
"""What may come in the place of an answer that was under way."""
_TAKEN_BACK = "taken back: files and kernel are as before"
_BY_ITSELF = "kmoddctl: kmodd takes all back when the time has run out, or when it starts again\n"


class Tried(NamedTuple):
    """How it ended: whether it was ``kept``, and what had come of it (as of apply) before that."""

    kept: bool
    generation: int
    outcomes: tuple[OutcomeRow, ...]
    modules: tuple[Row, ...]


def try_files(options: Options, output: Output) -> int:
    """Put files in force, show what comes of it, and keep it or take it back."""
    candidates = read(options.files, places.CONFIG)
    refuse_wrong(candidates, places.CONFIG)
    if not (options.yes or os.isatty(_STDIN)):
        message = "there is no terminal to ask at whether it is to be kept"
        raise KmoddError(ErrorKind.INVALID_ARGUMENT, message, "--yes keeps it if all is as declared")
    trial = TrialFiles(places.CONFIG, candidates)
    with ask() as manager, _ends_as_interrupts():
        trial.refuse_another()
        tried = _Attempt(manager, trial, options).make(_modules_of(candidates), output)
    word = f"kept: {' '.join(trial.kept)}" if tried.kept else _TAKEN_BACK
    output.show(tried, lambda _: (word,))
    return 0 if tried.kept else NOT_IN_ORDER


class _Attempt:
    """One checkpoint, from its beginning to its end."""

    def __init__(self, manager: Manager, trial: TrialFiles, options: Options) -> None:
        self._manager = manager
        self._trial = trial
        self._keep_by_itself: bool = options.yes
        self._deadline_s = time.monotonic() + options.timeout
        self._checkpoint = manager.create_checkpoint(options.timeout)
        self._is_to_be_ended = True
        """Until it is committed, or nobody can be asked whether it is."""

    def make(self, named: frozenset[str], output: Output) -> Tried:
        """Try, judge, keep or take back. Whatever happens, all is taken back that is not committed."""
        try:
            before = {row.name: row for row in self._manager.modules()}
            self._trial.put()
            carried = carried_out(self._manager, output)
            applied, refused = carried.applied, carried.refused
            if refused is not None and self._trial.is_named_in(refused.message):
                raise refused
            if not output.json:
                output.show(applied, lambda style: carried_lines(carried, style))
                output.stream.flush()
            outweighed = tuple(self._outweighed(named & {row.name for row in applied.modules}))
            sys.stderr.writelines(outweighed)
            good = not outweighed and _is_good(applied, named, before)
            wanted = good if self._keep_by_itself else _is_wanted(self._deadline_s)
            kept = wanted and self._keep()
        finally:
            if self._is_to_be_ended:
                self._take_back()
        return Tried(kept, applied.generation, applied.outcomes, applied.modules)

    def _outweighed(self, names: Iterable[str]) -> Iterator[str]:
        """Lines about values that are not in force, because an override or another file outweighs them."""
        for name in sorted(names):
            rows = self._manager.explain(ModuleName(name))
            tried = {row.key.removeprefix(REPLACED) for row in rows if self._trial.has(row.location.file)}
            for row in rows:
                if row.key in tried and not self._trial.has(row.location.file):
                    by = printable(f"{row.location.file}:{row.location.line}")
                    yield f"kmoddctl: {name}: {printable(row.key)} is not tried: {by} outweighs it\n"

    def _keep(self) -> bool:
        """Whether it was in time. From the commit on nothing interrupts."""
        self._trial.prepare()
        with _uninterrupted():
            if not self._commit():
                return False
            self._is_to_be_ended = False
            with _uninterrupted(signal.valid_signals()):  # for as long as it takes to rename
                self._trial.keep()
            with suppress(KmoddError):  # kmodd sees by itself that files have changed; they say the same
                self._manager.reload()
        return True

    def _commit(self) -> bool:
        """Whether it was in time. Raises what keeps it from being committed, or from being known."""
        try:
            self._manager.commit(self._checkpoint)
        except KmoddError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                return False
            if error.kind not in _NO_ANSWER:
                raise
            return self._is_committed_yet(error)
        return True

    def _is_committed_yet(self, error: KmoddError) -> bool:
        """The same where ``error`` came in the place of an answer, which was perhaps under way.

        So it is asked for once more, on a connection of its own. Where there is nobody to ask, what kmodd has
        done with files tells: a commit removes the checkpoint's, and a rollback those on trial.
        """
        again = self._commit_again()
        if again is None:
            return True
        if self._trial.is_taken_back:
            return False
        if again.kind is ErrorKind.NOT_FOUND or self._trial.is_committed:
            sys.stderr.write(f"kmoddctl: {error.message}, but it was committed before: the files are kept\n")
            return True
        if again.kind is ErrorKind.NO_BUS:  # kmodd may be there, and read of it later
            self._is_to_be_ended = False
            self._trial.unprepare()
            message = f"{error.message}, and nobody can be asked whether the files are kept"
            raise KmoddError(error.kind, message, self._trial.where_if_kept) from error
        raise error

    def _commit_again(self) -> KmoddError | None:
        """What is answered, on a connection of its own, None for a commit."""
        try:
            with ask() as manager:
                manager.commit(self._checkpoint)
        except KmoddError as error:
            return error
        return None

    def _take_back(self) -> None:
        """On a connection of its own: the other may be in the middle of a call, or broken."""
        try:
            with ask() as manager:
                manager.roll_back(self._checkpoint)
        except KmoddError as error:
            if error.kind in (ErrorKind.NOT_RUNNING, ErrorKind.NO_BUS):
                sys.stderr.write(_BY_ITSELF)
            elif error.kind is not ErrorKind.NOT_FOUND:  # it has been taken back already
                raise
        finally:
            self._trial.end()


def _is_good(applied: Applied, named: frozenset[str], before: Mapping[str, Row]) -> bool:
    """Whether the modules that were named are as declared, and the others no worse than before."""
    return named <= {row.name for row in applied.modules} and all(
        row.name not in named and row.name in before and not in_order(before[row.name].condition)
        for row in applied.wrong
    )


def _is_wanted(deadline_s: float) -> bool:
    """What a person answers in time; no answer is no."""
    left_s = deadline_s - time.monotonic()
    sys.stderr.write(f"keep? [y/N] (taken back in {max(left_s, 0):.0f} s) ")
    sys.stderr.flush()
    while (left_s := deadline_s - time.monotonic()) > 0:
        if select.select([_STDIN], [], [], left_s)[0]:
            return os.read(_STDIN, _LONGEST).strip().lower() in (b"y", b"yes")
    sys.stderr.write("\n")
    return False


def _modules_of(candidates: Mapping[str, Candidate]) -> frozenset[str]:
    """Modules that the files name, which the compiler has nothing against."""
    documents = (tomllib.loads(each.content.decode()) for each in candidates.values())
    return frozenset(_canonical(name for document in documents for name in document.get("module", {})))


def _canonical(names: Iterable[str]) -> Iterator[str]:
    return (module_name(name) for name in names if is_module_name(name))


@contextmanager
def _ends_as_interrupts() -> Iterator[None]:
    """A terminal that goes away, or a request to end, is an interrupt: so all is taken back at once."""
    heeded = [number for number in _ENDS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup(1)
    before = {number: signal.signal(number, signal.default_int_handler) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _uninterrupted(numbers: Iterable[int] = _ENDS) -> Iterator[None]:
    """An interrupt comes after it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
