"""``kmoddctl import``: files of modprobe.d and modules-load.d as a file for /etc/kmodd.d; no daemon."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress

from kmodd.cli.offline.import_text import by_reason, document, modprobe_conf, place_and_text, toml
from kmodd.cli.offline.old_files import hiding, read
from kmodd.cli.offline.target import Target, target_of
from kmodd.cli.terminal.output import Options, Output
from kmodd.core.conversion import convert
from kmodd.core.old_lines import Conversion, Kept
from kmodd.errors import ErrorKind, KmoddError
from kmodd.files import sync_directory
from kmodd.names import printable

NAME = "50-imported"
STDOUT = "-"
_MODE = 0o644
_NEXT = (
    f"{NAME}.conf, if it was written, belongs into /etc/modprobe.d in the place of the old files there; "
    "kmoddctl plan shows what kmodd would do, and plan --offline before it runs",
)


def import_files(options: Options, output: Output) -> int:
    """Print the file, or write it into ``--output``; what is not converted is listed on standard error.

    Raises FAILED for a file that is there already or cannot be written.
    """
    target = target_of(options)
    conversion = convert(*read(target))
    text = toml(conversion, target.release)
    written: list[str] = []
    if options.output != STDOUT:
        files = {f"{NAME}.toml": text.encode(), f"{NAME}.conf": modprobe_conf(conversion)}
        written = _write_all(options.output, {name: content for name, content in files.items() if content})
    lines = written or text.splitlines()
    output.show(document(conversion, text, written), lambda _style: map(printable, lines))
    if not output.json:
        # What is printed comes first where both go to one place.
        output.stream.flush()
        sys.stderr.writelines(f"kmoddctl: {line}\n" for line in _told(conversion, target, written))
    return 0


def _told(conversion: Conversion, target: Target, written: list[str]) -> list[str]:
    """What a person should know beside the file."""
    tree = (
        []
        if target.release
        else ["no module tree was found, so that aliases and parameters' types are not known"]
    )
    notes = [f"{table.name}: {printable(note)}" for table in conversion.tables for note in table.notes]
    listed = (*_grouped("kept", conversion.kept), *_grouped("left out", conversion.spent))
    return [*tree, *notes, *listed, *((*_hidden(target), *_NEXT) if written else ())]


def _hidden(target: Target) -> Iterator[str]:
    """What would come into force with the old files gone."""
    for path in map(printable, hiding(target)):
        yield f"{path} hides a file of its name in another directory: empty it, do not take it away"


def _grouped(what: str, kept: Iterable[Kept]) -> Iterator[str]:
    for reason, lines in by_reason(kept).items():
        yield f"{what}, because {printable(reason)}:"
        yield from (f"  {place_and_text(line)}" for line in lines)


def _write_all(directory: str, files: dict[str, bytes]) -> list[str]:
    """Write all files or none, never over one that is there; their paths. Raises FAILED."""
    done: list[str] = []
    path = directory
    try:
        for name, content in files.items():
            path = os.path.join(directory, name)
            _write(path, content)
            done.append(path)
        sync_directory(directory)
    except OSError as error:
        for each in done:
            with suppress(OSError):
                os.unlink(each)
        where = printable(path)
        if isinstance(error, FileExistsError):
            hint = "take it away or name another directory"
            raise KmoddError(ErrorKind.FAILED, f"{where} is there already and stays as it is", hint) from None
        message = f"{where} cannot be written: {error.strerror}"
        raise KmoddError(ErrorKind.FAILED, message, "name a directory that you may write to") from None
    return done


def _write(path: str, content: bytes) -> None:
    """A new file, complete when its name appears (link(2)). Raises OSError."""
    directory, name = os.path.split(path)
    temporary = os.path.join(directory, f".{name}.{os.getpid()}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, _MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, _MODE)  # whatever the umask would make of it
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.link(temporary, path)
    finally:
        os.unlink(temporary)
